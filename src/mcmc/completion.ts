import type { ScoredToken } from "../core/tokens.ts";

/** A token of a completion. Absorbing tokens (end tokens, or the one that completes a stop string) end it. */
export interface CompletionToken extends ScoredToken {
  readonly ends: boolean;
}

/** x_1..x_L: ends at an absorbing token or at the horizon. */
export type Completion = readonly CompletionToken[];

export function hasEnded(completion: Completion): boolean {
  return completion.at(-1)?.ends ?? false;
}

/** Σ log p of a completion, nats. */
export function logProbability(completion: Completion): number {
  let sum = 0;
  for (const { logprob } of completion) sum += logprob;
  return sum;
}
