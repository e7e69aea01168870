import type { ScoredToken } from "../core/tokens.ts";

/** A token of a completion. Absorbing tokens (end tokens, or the one that completes a stop string) end it. */
export interface CompletionToken extends ScoredToken {
  /** Absent from all others, so that they are passed on as they are. */
  readonly ends?: true;
}

/** x_1..x_L: ends at an absorbing token or at the horizon. */
export type Completion = readonly CompletionToken[];

export function hasEnded(completion: Completion): boolean {
  return completion.at(-1)?.ends === true;
}

/** Whether nothing more may follow. */
export function isComplete(completion: Completion, horizon: number): boolean {
  return hasEnded(completion) || completion.length >= horizon;
}

/** Whether two completions are the same tokens. */
export function isSame(a: Completion, b: Completion): boolean {
  return a.length === b.length && a.every(({ token }, index) => token === b[index]!.token);
}

/** How many tokens two completions have in common, the first one read from a place on. */
export function commonLength(a: Completion, b: Completion, from = 0): number {
  const shorter = Math.min(a.length - from, b.length);
  let length = 0;
  while (length < shorter && a[from + length]!.token === b[length]!.token) length++;
  return length;
}

/** Σ log p of a completion, nats. */
export function logProbability(completion: Completion): number {
  let sum = 0;
  for (const { logprob } of completion) sum += logprob;
  return sum;
}
