import type { Candidate } from "./candidate.ts";
import { ordered } from "./order.ts";

/** An answer, and who gave it. */
export interface Votes {
  /** The answer's key. */
  readonly answer: string;
  readonly count: number;
  /** Of the candidates that have an answer. */
  readonly share: number;
  /** Who gave it, the likeliest first. */
  readonly candidates: readonly Candidate[];
}

export interface Tally {
  /** The most voted first; of as many votes, the one whose likeliest candidate is likelier. */
  readonly answers: readonly Votes[];
  /** Candidates that have an answer. */
  readonly voters: number;
  /** Candidates without one: they do not vote. */
  readonly unanswered: number;
}

/** Counts a vote of each candidate for its answer. */
export function tally(candidates: readonly Candidate[]): Tally {
  const byAnswer = new Map<string, Candidate[]>();
  // The likeliest first, so that of as many votes the likelier answer stays in front: sorting is stable.
  for (const candidate of ordered(candidates, "logprob")) {
    if (candidate.answer === undefined) continue;
    const own = byAnswer.get(candidate.answer);
    if (own === undefined) byAnswer.set(candidate.answer, [candidate]);
    else own.push(candidate);
  }
  const voters = [...byAnswer.values()].reduce((sum, { length }) => sum + length, 0);
  const answers = [...byAnswer]
    .map(([answer, own]) => ({ answer, count: own.length, share: own.length / voters, candidates: own }))
    .sort((one, other) => other.count - one.count);
  return { answers, voters, unanswered: candidates.length - voters };
}

/**
 * The candidate that a vote returns: the likeliest of those that gave the winning answer; where none has an answer, the
 * likeliest of all. undefined without candidates.
 */
export const elected = (candidates: readonly Candidate[]): Candidate | undefined =>
  tally(candidates).answers[0]?.candidates[0] ?? ordered(candidates, "logprob")[0];
