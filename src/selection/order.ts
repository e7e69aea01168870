import type { Candidate } from "./candidate.ts";
import type { SelectRule } from "./rules.ts";

/** What a rule goes by: the larger, the better. */
const scores: Readonly<Record<Exclude<SelectRule, "vote">, (candidate: Candidate) => number>> = {
  logprob: ({ logprob }) => logprob,
  mean_logprob: ({ logprob, tokens }) => logprob / tokens,
  self_certainty: ({ selfCertainty = NaN }) => selfCertainty,
  entropy: ({ meanEntropy = NaN }) => -meanEntropy,
};

/** Beyond every score: no completion that has begun comes after one that has not. */
const scoreOf = (candidate: Candidate, rule: keyof typeof scores): number => {
  const score = candidate.tokens === 0 ? NaN : scores[rule](candidate);
  return Number.isNaN(score) ? -Infinity : score;
};

/** −, 0 or +, also where both are −∞. */
const descending = (one: number, other: number): number => (one === other ? 0 : other > one ? 1 : -1);

/**
 * Candidates, the best by a rule first: the largest log p, log p a token or self-certainty, or the smallest mean entropy.
 * Ties go to the likelier, then to the lower index; what was not begun comes last.
 */
export const ordered = (
  candidates: readonly Candidate[],
  rule: Exclude<SelectRule, "vote">,
): readonly Candidate[] =>
  [...candidates].sort(
    (one, other) =>
      descending(scoreOf(one, rule), scoreOf(other, rule)) ||
      descending(scoreOf(one, "logprob"), scoreOf(other, "logprob")) ||
      one.index - other.index,
  );
