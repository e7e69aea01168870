import type { TokenIds } from "../src/core/tokens.ts";
import type { Completer } from "../src/decoder/completer.ts";

/** A question as a model reads it: by its chat template, where it has one. */
export async function encodeQuestion(completer: Completer, question: string): Promise<TokenIds> {
  const { signal } = new AbortController();
  const asked = completer.prompts.takesChats
    ? { messages: [{ role: "user", content: question }], addGenerationPrompt: true }
    : { text: question, addSpecialTokens: false };
  const [prompt = []] = await completer.prompts.encode([asked], { param: "prompt", signal });
  return prompt;
}
