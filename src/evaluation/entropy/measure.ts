import type { Result } from "../result-file.ts";
import { bootstrap, mean } from "../statistics.ts";
import type { Estimate } from "../statistics.ts";

/**
 * Policy entropy of a model: of the full next-token distributions at temperature 1, along answers drawn from it at
 * temperature 1, nats (arXiv 2505.22617, equation 5). Its two usual averages can differ a lot.
 */
export interface PolicyEntropy {
  /** Mean over all tokens of all answers: Σ_y Σ_t H_t / Σ_y |y|. */
  readonly tokenMean: Estimate;
  /** Mean over answers of the mean over an answer's tokens: that of the equation, and of the law R = −a·e^H + b. */
  readonly sequenceMean: Estimate;
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
        entropy: spoken.reduce((sum, { tokens, meanEntropy }) => sum + tokens * (meanEntropy ?? NaN), 0),
        meanEntropy: mean(spoken.map(({ meanEntropy }) => meanEntropy ?? NaN)),
        accuracy: mean(samples.map(({ isCorrect }) => (isCorrect ? 1 : 0))),
        answers: samples.length,
      };
    });
  const total = (members: readonly (typeof items)[number][], key: "tokens" | "entropy" | "answers"): number =>
    members.reduce((sum, member) => sum + member[key], 0);
  return {
    tokenMean: bootstrap(items, (members) => total(members, "entropy") / total(members, "tokens")),
    sequenceMean: bootstrap(items, (members) => mean(members.map(({ meanEntropy }) => meanEntropy))),
    accuracy: bootstrap(items, (members) => mean(members.map(({ accuracy }) => accuracy))),
    answers: total(items, "answers"),
  };
}
