import type { Tally } from "./vote.ts";

/** Votes of the leading answer and of the one behind it; 0 where there is none. */
const leaders = ({ answers }: Pick<Tally, "answers">): readonly [number, number] => [
  answers[0]?.count ?? 0,
  answers[1]?.count ?? 0,
];

/**
 * Whether the winning answer is settled: candidates that are still to come cannot change it, were they all to vote for
 * the answer behind it, or for one that nobody has given. With as many votes the likelier would win, and what is to come
 * may be likelier than anything yet: a tie is not settled.
 * @param remaining candidates still to come
 */
export function isSettled(tally: Pick<Tally, "answers">, remaining: number): boolean {
  const [first, second] = leaders(tally);
  return remaining === 0 || first > second + remaining;
}

/**
 * The posterior probability that the leading answer is likelier than the one behind it, given their votes v₁ and v₂ and
 * a uniform prior of their shares: adaptive consistency's Beta criterion (Aggarwal et al. 2023, arXiv 2305.11860),
 *
 *     P(p₁ > p₂ | v₁, v₂) = 1 − I_{1/2}(v₁ + 1, v₂ + 1) = 2^−(v₁+v₂+1) · Σ_{k ≤ v₁} C(v₁ + v₂ + 1, k),
 *
 * the regularized incomplete beta function of whole numbers being a tail of the binomial law. It is the posterior of one
 * look at two answers: who looks after every candidate and stops at the first look above a confidence is wrong more often
 * than that confidence says, and a third answer does not enter.
 */
export function leaderConfidence(tally: Pick<Tally, "answers">): number {
  const [first, second] = leaders(tally);
  const trials = first + second + 1;
  // As large as the last sum may get, 2^1025 for a request's 1024 candidates, is beyond a number; this is not.
  let term = 2 ** -trials;
  let sum = 0;
  for (let k = 0; k <= first; k++) {
    sum += term;
    term *= (trials - k) / (k + 1);
  }
  return Math.min(1, sum);
}

/**
 * Whether drawing may stop: where the winner is settled, or the leader's posterior has reached `confidence`; at a
 * confidence of 1 only the former.
 */
export const mayStop = (tally: Pick<Tally, "answers">, remaining: number, confidence: number): boolean =>
  isSettled(tally, remaining) ||
  (confidence < 1 && tally.answers.length > 0 && leaderConfidence(tally) >= confidence);

/**
 * Of the candidates still to come, the fewest after which drawing may stop, were they all to vote for the leader: whatever
 * so many do instead, it may stop no sooner. Drawn side by side, none of them is drawn in vain.
 * @param remaining at least 1
 */
export function fewestToStop(tally: Pick<Tally, "answers">, remaining: number, confidence: number): number {
  const [leader = { answer: "", count: 0, share: 1, candidates: [] }, ...others] = tally.answers;
  for (let more = 1; more < remaining; more++) {
    const answers = [{ ...leader, count: leader.count + more }, ...others];
    if (mayStop({ answers }, remaining - more, confidence)) return more;
  }
  return remaining;
}
