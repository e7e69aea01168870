import { valueOfNumber } from "../../selection/answers/number.ts";
import type { Candidate } from "../../selection/candidate.ts";
import { ordered } from "../../selection/order.ts";
import { selectRules } from "../../selection/rules.ts";
import type { SelectRule } from "../../selection/rules.ts";
import { isAlwaysSame } from "../groups.ts";
import type { Group } from "../groups.ts";
import type { Result, Sample } from "../result.ts";
import { mean, passAtK, resampleMean, shareBounds } from "../statistics.ts";
import type { Resampled } from "../statistics.ts";
import { bestOfK } from "./best-of-k.ts";
import { voteOfK } from "./vote-of-k.ts";

/** One answer as it comes, or one of k that a rule chooses. */
export type Rule = "single" | SelectRule;

/** What an answer costs: model evaluations after the prompt, tokens drawn after it, seconds of the run. */
export const costKinds = ["evaluated", "drawn", "seconds"] as const;
export type CostKind = (typeof costKinds)[number];

/** How often one is right with k answers. */
export interface Outcome {
  readonly k: number;
  readonly accuracy: Resampled;
}

/** A rule with what it comes to, by k. */
export interface Strategy {
  readonly rule: Rule;
  readonly outcomes: readonly Outcome[];
}

/** What can be made of one configuration's answers, and at which cost. Figures of several are paired by question. */
export interface ComputeOutcomes {
  readonly label: string;
  /** Mean over questions of the mean cost of an answer: k answers cost k times that, the mean over all k of them. */
  readonly costs: Readonly<Record<CostKind, Resampled | undefined>>;
  readonly strategies: readonly Strategy[];
  /** pass@k: what a rule would come to that knows the right answer. No strategy, but the ceiling of all. */
  readonly ceiling: readonly Outcome[];
}

/** 1, 2, 4, … and n itself. */
export function answerCounts(n: number): number[] {
  const counts: number[] = [];
  for (let k = 1; k < n; k *= 2) counts.push(k);
  return [...counts, n];
}

/**
 * Everything from the stored answers: figures at k are means over all k of a question's n answers.
 * @param asked values of k, ascending, the first one 1 and none above n; 1, 2, 4, … and n when left out
 */
export function outcomesOf({ label, fields, results }: Group, asked?: readonly number[]): ComputeOutcomes {
  const n = Math.min(...results.map(({ samples }) => samples.length));
  const counts = isAlwaysSame(fields) ? [1] : (asked ?? answerCounts(n));
  const samples = results.flatMap((result) => result.samples);
  const known = counts.length === 1 ? [] : selectRules.filter((rule) => isKnown[rule](samples));
  const answered = results.map((result): Answered => ({
    candidates: result.samples.map(candidateOf),
    isRight: result.samples.map(({ isCorrect }) => isCorrect),
  }));
  const curve = (values: (answers: Answered) => readonly number[]): Outcome[] => {
    const questions = answered.map(values);
    return counts.map((k, place) => ({
      k,
      accuracy: resampleMean(
        questions.map((own) => own[place]!),
        shareBounds,
      ),
    }));
  };
  return {
    label,
    costs: {
      evaluated: costOf(results, (result) => meanOf(result, "evaluatedTokens")),
      drawn: costOf(results, (result) => meanOf(result, "drawnTokens")),
      // The request asked for all answers, or for the one that stands for all of them.
      seconds: costOf(results, ({ sharedSeconds, samples: own }) =>
        sharedSeconds === undefined ? NaN : sharedSeconds / (isAlwaysSame(fields) ? 1 : own.length),
      ),
    },
    strategies: [
      { rule: "single", outcomes: curve(({ isRight }) => [mean(isRight.map(Number))]).slice(0, 1) },
      ...known.map((rule) => ({ rule, outcomes: curve((answers) => chosen(answers, rule, counts)) })),
    ],
    ceiling: curve(({ isRight }) => {
      const right = isRight.filter(Boolean).length;
      return counts.map((k) => passAtK(isRight.length, right, k));
    }),
  };
}

/** Whether all of some answers have what a rule goes by. */
const isKnown: Readonly<Record<SelectRule, (samples: readonly Sample[]) => boolean>> = {
  logprob: (samples) => samples.every(({ likelihood }) => likelihood !== null),
  mean_logprob: (samples) => samples.every(({ likelihood }) => likelihood !== null),
  self_certainty: (samples) => samples.every(({ likelihood }) => likelihood?.selfCertainty !== undefined),
  entropy: (samples) => samples.every(({ likelihood }) => typeof likelihood?.meanEntropy === "number"),
  vote: () => true,
};

/** The answers to one question. */
interface Answered {
  readonly candidates: readonly Candidate[];
  readonly isRight: readonly boolean[];
}

/** How likely the answer is right that a rule chooses among k, by k. */
function chosen({ candidates, isRight }: Answered, rule: SelectRule, counts: readonly number[]): number[] {
  const ranked = ordered(candidates, rule === "vote" ? "logprob" : rule);
  if (rule === "vote") {
    const ballots = ranked.map(({ answer, index }) => ({ answer, isCorrect: isRight[index]! }));
    return voteOfK(ballots, counts);
  }
  const right = ranked.map(({ index }) => isRight[index]!);
  return counts.map((k) => bestOfK(right, k));
}

/** A stored answer as rules see it; numbers that are equal are one answer, however they are written. */
export const candidateOf = (
  { likelihood, answer, isUnanswered }: Pick<Sample, "likelihood" | "answer" | "isUnanswered">,
  index: number,
): Candidate => ({
  index,
  logprob: likelihood?.logprob ?? NaN,
  tokens: likelihood?.tokens ?? 0,
  meanEntropy: likelihood?.meanEntropy ?? undefined,
  selfCertainty: likelihood?.selfCertainty,
  answer: isUnanswered === true ? undefined : (valueOfNumber(answer)?.toFraction() ?? answer),
});

const meanOf = ({ samples }: Result, key: "evaluatedTokens" | "drawnTokens"): number =>
  mean(samples.map((sample) => sample[key] ?? NaN));

/** Nothing where the server does not count. */
function costOf(results: readonly Result[], cost: (result: Result) => number): Resampled | undefined {
  const costs = results.map(cost);
  return costs.some(Number.isNaN) ? undefined : resampleMean(costs);
}
