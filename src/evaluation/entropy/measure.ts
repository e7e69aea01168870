import type { Result } from "../result.ts";
import { bootstrap, estimate, mean, resampleMean, shareBounds } from "../statistics.ts";
import type { Estimate } from "../statistics.ts";

/** A mean with its interval; that of lower bounds where `upper` is there, the same mean of the upper ones. */
export interface Bounded extends Estimate {
  readonly upper?: Estimate;
}

/**
 * Policy entropy of a model: of the full next-token distributions at temperature 1, along answers drawn from it at
 * temperature 1, nats (arXiv 2505.22617, equation 5). Its two usual averages can differ a lot.
 */
export interface PolicyEntropy {
  /** Mean over all tokens of all answers: Σ_y Σ_t H_t / Σ_y |y|. */
  readonly tokenMean: Bounded;
  /** Mean over answers of the mean over an answer's tokens: that of the equation, and of the law R = −a·e^H + b. */
  readonly sequenceMean: Bounded;
  /** Share of right ones among the same answers. */
  readonly accuracy: Estimate;
  /** Answers behind it. */
  readonly answers: number;
}

/** @param results of sampler standard, scored by the model itself; intervals are over questions */
export function measureEntropy(results: readonly Result[]): PolicyEntropy {
  const items = results
    .toSorted((a, b) => (a.id < b.id ? -1 : 1))
    .map(({ samples }) => {
      const spoken = samples.flatMap(({ likelihood }) => likelihood ?? []);
      return {
        tokens: spoken.reduce((sum, { tokens }) => sum + tokens, 0),
        lower: entropyOf(spoken, ({ meanEntropy }) => meanEntropy ?? NaN),
        upper: entropyOf(
          spoken,
          ({ meanEntropy, meanEntropyUpper }) => meanEntropyUpper ?? meanEntropy ?? NaN,
        ),
        isBounded: spoken.some(({ meanEntropyUpper }) => meanEntropyUpper !== undefined),
        accuracy: mean(samples.map(({ isCorrect }) => (isCorrect ? 1 : 0))),
        answers: samples.length,
      };
    });
  type Items = readonly (typeof items)[number][];
  const total = (members: Items, read: (item: Items[number]) => number): number =>
    members.reduce((sum, member) => sum + read(member), 0);
  const isBounded = items.some((item) => item.isBounded);
  const bounded = (of: (bound: "lower" | "upper") => Estimate): Bounded =>
    isBounded ? { ...of("lower"), upper: of("upper") } : of("lower");
  return {
    tokenMean: bounded((bound) =>
      bootstrap(
        items,
        (members) => total(members, (item) => item[bound].sum) / total(members, ({ tokens }) => tokens),
      ),
    ),
    sequenceMean: bounded((bound) =>
      bootstrap(items, (members) => mean(members.map((item) => item[bound].mean))),
    ),
    accuracy: estimate(
      resampleMean(
        items.map(({ accuracy }) => accuracy),
        shareBounds,
      ),
    ),
    answers: total(items, ({ answers }) => answers),
  };
}

type Spoken = NonNullable<Result["samples"][number]["likelihood"]>;

/** Σ over the tokens of a question's answers, and the mean over its answers of their own means. */
const entropyOf = (spoken: readonly Spoken[], read: (likelihood: Spoken) => number) => ({
  sum: spoken.reduce((sum, likelihood) => sum + likelihood.tokens * read(likelihood), 0),
  mean: mean(spoken.map(read)),
});
