import type { ModelInfo } from "../decoder/completer.ts";
import type { Demand } from "./admission.ts";

/** What of a request decides how long its answer becomes, beside how many tokens it has. */
export interface AnswerShape {
  readonly endpoint: "completions" | "chat";
  /** Whether each choice begins with its prompt. */
  readonly echo: boolean;
  /** How many alternatives are reported per token; `undefined` for no log-probs at all. */
  readonly logprobs: number | undefined;
  readonly entropy: boolean;
  readonly returnTokenIds: boolean;
}

/** What an answer comes to, bytes of JSON: each of its choices, and each token in it. */
export interface AnswerRates {
  readonly choice: number;
  /** A token of the completion. */
  readonly generated: number;
  /** A token of the prompt. */
  readonly prompt: number;
}

/** Bytes that the parts of an answer usually take; a vocabulary of long or of escaped tokens takes more. */
const bytes = {
  /** With its report. */
  choice: 512,
  /** Of text, or as a number. */
  token: 6,
  number: 20,
  /** A token with its log-prob, and each alternative beside it; chats spell out the bytes of each. */
  scored: { completions: 80, chat: 100 },
  alternative: { completions: 30, chat: 80 },
};

/** Lists of entropies, by how they are known: bounds are two. */
const entropiesOf = { exact: 1, interval: 2, unknown: 0 };

/** What an answer of this shape comes to at most, by the usual length of its parts. */
export function answerRates(
  { endpoint, echo, logprobs, entropy, returnTokenIds }: AnswerShape,
  { vocabularySize, capabilities }: Pick<ModelInfo, "vocabularySize" | "capabilities">,
): AnswerRates {
  const scores =
    logprobs === undefined
      ? 0
      : bytes.scored[endpoint] + Math.min(logprobs, vocabularySize) * bytes.alternative[endpoint];
  const ids = returnTokenIds ? bytes.token : 0;
  // A chat does not show what its template made.
  const promptIds = endpoint === "completions" ? ids : 0;
  return {
    choice: bytes.choice,
    generated: bytes.token + ids + scores + (entropy ? bytes.number * entropiesOf[capabilities.entropy] : 0),
    prompt: promptIds + (echo ? bytes.token + scores : 0),
  };
}

/**
 * What completions of prompts of these lengths ask for. What a sampler holds beside an answer counts as the answer does:
 * it has the same tokens, with the same alternatives.
 */
export function demandOf({
  promptLengths,
  candidates,
  tokensHeld,
  tokensRemembered = 0,
  rates,
}: {
  readonly promptLengths: readonly number[];
  /** Completions of each prompt. */
  readonly candidates: number;
  /** Of each completion, as long as it may become, and of what its sampler holds beside it. */
  readonly tokensHeld: number;
  /** What its sampler remembers besides, which is in no answer. */
  readonly tokensRemembered?: number;
  readonly rates: AnswerRates;
}): Demand {
  const completions = promptLengths.length * candidates;
  const promptTokens = candidates * promptLengths.reduce((sum, length) => sum + length, 0);
  const generated = completions * tokensHeld;
  return {
    completions,
    tokens: promptTokens + generated + completions * tokensRemembered,
    answerBytes: completions * rates.choice + promptTokens * rates.prompt + generated * rates.generated,
  };
}
