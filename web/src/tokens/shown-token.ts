import type { CompletionResponse, RevisedText } from "../../../src/client/client.ts";

/** What else could have stood in a token's place. */
export interface Alternative {
  readonly text: string;
  /** log p, nats. */
  readonly logprob: number;
}

/** A token as it is shown. */
export interface ShownToken {
  readonly text: string;
  /** log p, nats. */
  readonly logprob: number | null;
  /** Of the raw next-token distribution, nats; the lower bound where the upper one is there. */
  readonly entropy: number | null;
  readonly entropyUpper?: number | undefined;
  /** The likeliest in its place, itself among them where it is one of them; undefined where that is not known. */
  readonly alternatives?: readonly Alternative[] | undefined;
}

type Choice = CompletionResponse["choices"][number];

/** Tokens of an answer that was asked for with log-probs. */
export function tokensOf({ text, logprobs, entropy, entropy_upper }: Choice): ShownToken[] {
  if (logprobs === null) return [];
  const characters = Array.from(text);
  const { tokens, token_logprobs, top_logprobs, text_offset } = logprobs;
  return tokens.map((_, index) => ({
    text: characters.slice(text_offset[index], text_offset[index + 1] ?? characters.length).join(""),
    logprob: token_logprobs[index] ?? null,
    entropy: entropy?.[index] ?? null,
    entropyUpper: entropy_upper?.[index],
    alternatives: alternativesOf(top_logprobs[index]),
  }));
}

const alternativesOf = (top: Readonly<Record<string, number>> | null | undefined): Alternative[] =>
  Object.entries(top ?? {})
    .map(([text, logprob]) => ({ text, logprob }))
    .sort((a, b) => b.logprob - a.logprob);

/** Each token of a text that may still change, with the text from where it begins to where the next one does. */
export function tokensOfRevised({ text, tokens }: RevisedText): ShownToken[] {
  const characters = Array.from(text);
  return tokens.map(({ from_char, logprob, entropy, entropy_upper, top_logprobs }, index) => {
    const end = tokens[index + 1]?.from_char ?? characters.length;
    return {
      text: characters.slice(from_char, end).join(""),
      logprob,
      entropy,
      entropyUpper: entropy_upper,
      alternatives: top_logprobs?.map(({ token, logprob }) => ({ text: token, logprob })),
    };
  });
}

/** log p of the whole, nats. */
export const logprobOf = (tokens: readonly Pick<ShownToken, "logprob">[]): number =>
  tokens.reduce((sum, { logprob }) => sum + (logprob ?? 0), 0);
