import type { PromptContext } from "./join-prompts.ts";
import type { PassPlan, Schedulable } from "./schedule.ts";

/** Of the time that prompts take, how much they may wait for others; and ms at most. */
const share = 0.1;
const mostMs = 3;

/**
 * How long an idle engine may wait for more prompts before it runs those that came first, ms. Requests that are sent at
 * once come in one by one, in less than a millisecond each: those that run together decode together, from the first
 * token to the last. None of those that have come may be watched, or be beyond its first prompt, as a chain's later
 * proposals are.
 */
export function gatheringMs(
  { decoding, chunks }: PassPlan<Schedulable>,
  { limits, passTimes }: PromptContext,
): number {
  const isNew = ({ patienceMs, lastPrefill }: Schedulable): boolean => patienceMs > 0 && lastPrefill === 0;
  if (limits.longRows === "alone" || decoding.length > 0 || !chunks.every(({ sequence }) => isNew(sequence)))
    return 0;
  const tokens = chunks.reduce((sum, { count }) => sum + count, 0);
  return tokens === 0 ? 0 : Math.min(mostMs, share * passTimes.prefillMs(tokens));
}
