import type { TokenIds } from "../../src/core/tokens.ts";
import type { Prompt, PromptEncoder } from "../../src/decoder/prompts/prompt-encoder.ts";

const { signal } = new AbortController();

/** The tokens of one prompt; of a text alone, with what the tokenizer adds to it. */
export async function encode(prompts: PromptEncoder, prompt: Prompt | string): Promise<TokenIds> {
  const asked = typeof prompt === "string" ? { text: prompt, addSpecialTokens: true } : prompt;
  const [tokens] = await prompts.encode([asked], { param: "prompt", signal });
  return tokens!;
}
