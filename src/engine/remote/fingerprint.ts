import type { TopTokens } from "../../core/tokens.ts";
import { usualTop } from "./legs.ts";
import type { ProbeCalls } from "./probe-calls.ts";

/** The likeliest tokens after the probe's prompt, at temperature 1, where all servers report log p. */
export async function fingerprintOf(calls: ProbeCalls, mostTop: number): Promise<TopTokens> {
  const { top } = await calls.drawOne({ topCount: Math.min(usualTop, mostTop) });
  return top;
}

/** How far two models' log-probs are apart on average, nats. */
export function distance(first: TopTokens, second: TopTokens): number {
  const [its, others] = [logprobsOf(first), logprobsOf(second)];
  const ids = new Set([...its.keys(), ...others.keys()]);
  // What is not among the likeliest is no likelier than the last of them.
  const valueIn = (logprobs: ReadonlyMap<number, number>, id: number): number =>
    logprobs.get(id) ?? Math.min(...logprobs.values());
  let sum = 0;
  let count = 0;
  for (const id of ids) {
    const difference = Math.abs(valueIn(its, id) - valueIn(others, id));
    // Two that are both −∞ are the same.
    if (Number.isNaN(difference)) continue;
    sum += Math.min(difference, farthest);
    count++;
  }
  return count === 0 ? 0 : sum / count;
}

/** A token that one of the models cannot say is no further away than this, nats. */
const farthest = 20;

/**
 * Further apart than this, two answers are of two models: ten times what one model differs from itself by, within what
 * float32 and half precision make likely.
 */
export const tolerance = (disagreement: number): number =>
  Math.min(0.1, Math.max(0.01, Number.isNaN(disagreement) ? 0.1 : 10 * disagreement));

const logprobsOf = ({ ids, logprobs }: TopTokens): ReadonlyMap<number, number> =>
  new Map(Array.from(ids, (id, rank) => [id, logprobs[rank]!] as const));
