import { InferenceError } from "../core/errors.ts";
import { mostEntropy } from "../core/tokens.ts";
import type { TokenIds } from "../core/tokens.ts";
import type { Completer } from "../decoder/completer.ts";
import type { SampledText } from "./completion-source.ts";
import type { DataItem } from "./data-set.ts";

/** How likely a model finds a completion, whichever model wrote it. */
export interface Likelihood {
  /** Of the completion, its end token included. */
  readonly tokens: number;
  /** Σ log p, nats. */
  readonly logprob: number;
  /** Mean over the tokens of the entropy of the next-token distribution, at temperature 1, nats. */
  readonly meanEntropy: number;
  /** Where that is a lower bound: the upper one. */
  readonly meanEntropyUpper?: number;
}

export type Score = (item: DataItem, sample: SampledText, signal: AbortSignal) => Promise<Likelihood>;

/** Scores completions by running them through a model, token by token as they stand. */
export function scoreUnder(base: Pick<Completer, "model" | "tokenizer" | "prompts" | "score">): Score {
  return async (item, sample, signal) => {
    const prompt = await promptTokens(item, base, signal);
    const completion = await completionTokens(item, sample, { base, prompt, signal });
    if (completion.length === 0) return { tokens: 0, logprob: 0, meanEntropy: 0 };
    const scored = await base.score([...prompt, ...completion], { topCount: 0 }, signal);
    // Scores begin with the second token.
    const own = [...scored].slice(prompt.length - 1);
    const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
    return {
      tokens: own.length,
      logprob: sum(own.map(({ logprob }) => logprob)),
      meanEntropy: sum(own.map(({ entropy }) => entropy)) / own.length,
      ...(own.some(({ entropyGap }) => entropyGap !== undefined)
        ? { meanEntropyUpper: sum(own.map(mostEntropy)) / own.length }
        : {}),
    };
  };
}

type Texts = Pick<Completer, "model" | "tokenizer" | "prompts">;

async function promptTokens(
  { prompt, messages = [] }: DataItem,
  { model, prompts }: Texts,
  signal: AbortSignal,
): Promise<TokenIds> {
  if (prompt === undefined && !prompts.takesChats) {
    throw new InferenceError(
      "unsupported",
      `--base: ${model.id} has no chat template, and the data has messages.`,
    );
  }
  const asked =
    prompt === undefined ? { messages, addGenerationPrompt: true } : { text: prompt, addSpecialTokens: true };
  const [tokens = []] = await prompts.encode([asked], { param: "prompt", signal });
  return tokens;
}

/** The very tokens that were drawn where they mean the same text to the base; else its own spelling of the text. */
async function completionTokens(
  { stop }: DataItem,
  { text, finish, tokenIds }: SampledText,
  { base, prompt, signal }: { readonly base: Texts; readonly prompt: TokenIds; readonly signal: AbortSignal },
): Promise<TokenIds> {
  const { model, tokenizer, prompts } = base;
  const isShared = tokenIds?.every((token) => token < model.vocabularySize) === true;
  if (isShared && tokenizer.decode(tokenIds, { start: tokenizer.startAfter(prompt) }) === text)
    return tokenIds;
  const [tokens = []] = await prompts.encode([{ text, addSpecialTokens: false }], {
    param: "completion",
    signal,
  });
  const hasEnded = finish === "stop" && stop.length === 0;
  return hasEnded ? [...tokens, ...model.endTokenIds.slice(0, 1)] : tokens;
}
