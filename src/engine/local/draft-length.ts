/** What a draft is chosen by. */
export interface DraftChances {
  /** Tokens that the text has in common with where the draft was said. */
  readonly matched: number;
  /** Tokens of the draft at most. */
  readonly most: number;
  /** The share of foretold tokens that held after a match of so many tokens. */
  readonly holds: (matched: number) => number;
  /** What a row of so many tokens takes, in times of a row of one; not a number while that is unknown. */
  readonly cost: (tokens: number) => number;
}

/** A draft has to promise a little more than it costs: what was measured moves. */
const leastGain = 1.05;

/**
 * How many of the tokens foretold are worth a place in the pass: the k that settles the most tokens in its time,
 *
 *     (1 + h₁ + h₁h₂ + … + h₁⋯h_k) / (t(1 + k) / t(1)),     h_i the chance that the i-th holds when those before it did
 *
 * 0 where none promises more than a row without.
 */
export function draftLength({ matched, most, holds, cost }: DraftChances): number {
  let best = 0;
  let bestGain = leastGain;
  let chance = 1;
  let settled = 1;
  for (let length = 1; length <= most; length++) {
    chance *= holds(matched + length - 1);
    settled += chance;
    const gain = settled / cost(1 + length);
    if (gain <= bestGain || Number.isNaN(gain)) continue;
    best = length;
    bestGain = gain;
  }
  return best;
}
