import type { Group } from "../groups.ts";
import type { Sample } from "../result.ts";
import { estimate, mean } from "../statistics.ts";
import type { Estimate } from "../statistics.ts";
import { comparePairs, meanArea, pooledArea } from "./auc.ts";

type Likelihood = NonNullable<Sample["likelihood"]>;

/** What may tell right answers from wrong ones: the larger, the surer the model was. */
export const signals = ["logprob", "mean_logprob", "entropy", "self_certainty"] as const;
export type Signal = (typeof signals)[number];

/** What the interval of an area says against 1/2, which a coin has; `unasked` where no question has both. */
export type Verdict = "knows" | "unclear" | "misleads" | "unasked";

/** Whether a signal tells right answers from wrong ones of the same question. */
export interface Knowledge {
  readonly signal: Signal;
  /** Mean of the areas under the ROC curve of questions that have both. */
  readonly area: Estimate;
  /** The area over all pairs of a right and a wrong answer to the same question. */
  readonly pooledArea: Estimate;
  readonly verdict: Verdict;
}

export interface GroupKnowledge {
  readonly label: string;
  readonly model: string;
  /** Share of questions with right and wrong answers: of the others nothing can be asked. */
  readonly askable: number;
  /** Signals that all answers have. */
  readonly knowledge: readonly Knowledge[];
}

/** NaN where a server does not tell it. */
const scores: Readonly<Record<Signal, (likelihood: Likelihood) => number>> = {
  logprob: ({ logprob }) => logprob,
  mean_logprob: ({ logprob, tokens }) => logprob / Math.max(1, tokens),
  entropy: ({ meanEntropy }) => -(meanEntropy ?? NaN),
  self_certainty: ({ selfCertainty = NaN }) => selfCertainty,
};

export function knowledgeOf({ label, model, results }: Group): GroupKnowledge {
  const isAskable = results.map(({ samples }) => new Set(samples.map(({ isCorrect }) => isCorrect)).size > 1);
  const knowledge = signals.flatMap((signal): Knowledge[] => {
    const answers = results.map(({ samples }) =>
      samples.map(({ likelihood, isCorrect }) => ({
        score: likelihood === null ? NaN : scores[signal](likelihood),
        isCorrect,
      })),
    );
    if (answers.some((own) => own.some(({ score }) => Number.isNaN(score)))) return [];
    const pairs = answers.map(comparePairs);
    const area = estimate(meanArea(pairs));
    return [{ signal, area, pooledArea: estimate(pooledArea(pairs)), verdict: verdictOf(area) }];
  });
  return { label, model, askable: mean(isAskable.map(Number)), knowledge };
}

function verdictOf({ value, low, high }: Estimate): Verdict {
  if (Number.isNaN(value)) return "unasked";
  if (low > 0.5) return "knows";
  return high < 0.5 ? "misleads" : "unclear";
}
