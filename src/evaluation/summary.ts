import { agreementBound } from "../mcmc/mixing.ts";
import { answerCounts } from "./compute/outcomes.ts";
import { isAlwaysSame } from "./groups.ts";
import type { Group } from "./groups.ts";
import type { Result, Sample } from "./result.ts";
import {
  answerEntropy,
  estimate,
  gainBounds,
  mean,
  passAtK,
  quantile,
  resampleMean,
  shareBounds,
} from "./statistics.ts";
import type { Estimate } from "./statistics.ts";

/** What the samples of one model in one configuration come to. Means are means of the items' means. */
export interface Summary {
  /** Model and configuration, as charts name them. */
  readonly label: string;
  readonly model: string;
  readonly configuration: string;
  readonly fields: Result["fields"];
  readonly items: number;
  readonly n: number;
  /** Share of right answers: pass@1. */
  readonly accuracy: Estimate;
  /** By k: 1, 2, 4, … n, and n itself. */
  readonly passAt: readonly { readonly k: number; readonly estimate: Estimate }[];
  /** Difference of accuracy to each other one on the same items. */
  readonly differences: readonly { readonly to: string; readonly estimate: Estimate }[];
  /** Under the base, or under the model that answered: log p per token of each sample, nats. */
  readonly meanLogprobs: readonly number[];
  /** Under the same: negative mean entropy of each sample, nats (arXiv 2510.14901, equation 13). */
  readonly confidences: readonly number[];
  /** Where a sample's entropy is known within bounds alone, those are of the lower ones; mean of the upper ones, nats. */
  readonly meanEntropyUpper: number | null;
  readonly tokensPerAnswer: number;
  /** Share of answers that ran out of tokens. */
  readonly cutOff: number;
  readonly evaluatedTokensPerAnswer: number;
  /** What an answer would cost without a memo. */
  readonly drawnTokensPerAnswer: number;
  /** Of those, what the memo answered. */
  readonly rememberedTokensPerAnswer: number;
  readonly distinctAnswers: number;
  /** Entropy of an item's answers, nats, averaged. */
  readonly answerEntropy: number;
  readonly exact: ExactSummary | null;
  readonly chain: ChainSummary | null;
  readonly secondsPerRequest: number;
  readonly totalSeconds: number;
  readonly totalEvaluatedTokens: number;
}

export interface ExactSummary {
  /** Share of answers that are exact draws; chains gave the others. */
  readonly share: number;
  readonly triesPerAnswer: number;
}

export interface ChainSummary {
  /** Shares of the steps that moved the chain, proposed what it had, and were turned down; NaN where not told apart. */
  readonly moved: number;
  readonly unchanged: number;
  readonly rejected: number;
  /** moved + unchanged: the acceptance rate of Metropolis-Hastings. No sign of mixing. */
  readonly acceptance: number;
  /** Share of steps that changed the first token. */
  readonly firstTokenChanges: number;
  /** Share of chains in which any step did. */
  readonly movedChains: number;
  /** Share of chains that read as unmixed. */
  readonly unmixedChains: number;
  /** Of the items whose chains could be compared: the median of split R-hat, and the share in which they agree. */
  readonly splitRHat: number;
  readonly agreeing: number;
}

/** @param groups paired: each answered the same questions */
export function summarize(groups: readonly Group[]): readonly Summary[] {
  return groups.map((group) => ({
    label: group.label,
    ...summarizeOne(group),
    differences: groups
      .filter((other) => other !== group)
      .map((other) => ({ to: other.label, estimate: difference(group.results, other.results) })),
  }));
}

function summarizeOne({
  model,
  configuration,
  fields,
  results: own,
}: Group): Omit<Summary, "label" | "differences"> {
  const samples = own.flatMap((result) => result.samples);
  const n = Math.min(...own.map((result) => result.samples.length));
  const likelihoods = samples.flatMap(({ likelihood }) => likelihood ?? []);
  const evaluated = samples.flatMap(({ evaluatedTokens }) => evaluatedTokens ?? []);
  // Where the seed changes nothing, one answer stands for all of them.
  const paidShare = isAlwaysSame(fields) ? 1 / n : 1;
  return {
    model,
    configuration,
    fields,
    items: own.length,
    n,
    accuracy: shareOf(own.map(accuracyOf)),
    passAt: answerCounts(n).map((k) => ({ k, estimate: shareOf(own.map(passOf(k))) })),
    meanLogprobs: likelihoods.map(({ logprob, tokens }) => round(logprob / Math.max(1, tokens))),
    confidences: likelihoods.flatMap(({ meanEntropy }) => (meanEntropy === null ? [] : round(-meanEntropy))),
    meanEntropyUpper: upperMean(likelihoods),
    cutOff: mean(samples.map(({ finish }) => (finish === "length" ? 1 : 0))),
    tokensPerAnswer: mean(samples.flatMap(({ tokens }) => tokens ?? [])),
    evaluatedTokensPerAnswer: mean(evaluated),
    drawnTokensPerAnswer: mean(samples.flatMap(({ drawnTokens }) => drawnTokens ?? [])),
    rememberedTokensPerAnswer: mean(samples.flatMap(({ rememberedTokens }) => rememberedTokens ?? [])),
    distinctAnswers: mean(own.map((result) => new Set(answersOf(result)).size)),
    answerEntropy: mean(own.map((result) => answerEntropy(answersOf(result)))),
    exact: summarizeExact(own),
    chain: summarizeChains(own),
    secondsPerRequest: mean(own.map(({ seconds }) => seconds)),
    totalSeconds: own.reduce((sum, { seconds }) => sum + seconds, 0),
    totalEvaluatedTokens: paidShare * evaluated.reduce((sum, tokens) => sum + tokens, 0),
  };
}

function upperMean(likelihoods: readonly NonNullable<Sample["likelihood"]>[]): number | null {
  if (likelihoods.every(({ meanEntropyUpper }) => meanEntropyUpper === undefined)) return null;
  return mean(
    likelihoods.flatMap(({ meanEntropy, meanEntropyUpper }) => meanEntropyUpper ?? meanEntropy ?? []),
  );
}

const shareOf = (values: readonly number[]): Estimate => estimate(resampleMean(values, shareBounds));

/** To what a histogram shows. */
const round = (value: number): number => Number(value.toFixed(5));

const accuracyOf = ({ samples }: Result): number => mean(samples.map(({ isCorrect }) => (isCorrect ? 1 : 0)));
const answersOf = ({ samples }: Result): string[] => samples.map(({ answer }) => answer);
const passOf =
  (k: number) =>
  ({ samples }: Result): number =>
    passAtK(samples.length, samples.filter(({ isCorrect }) => isCorrect).length, k);

/** Paired by item: both lists are sorted by id and hold the same ones. */
const difference = (left: readonly Result[], right: readonly Result[]): Estimate =>
  estimate(
    resampleMean(
      left.map((result, index) => accuracyOf(result) - accuracyOf(right[index]!)),
      gainBounds,
    ),
  );

function summarizeExact(own: readonly Result[]): ExactSummary | null {
  const draws = own.flatMap(({ samples }) => samples.flatMap(({ exact }) => exact ?? []));
  if (draws.length === 0) return null;
  return {
    share: mean(draws.map(({ isExact }) => (isExact ? 1 : 0))),
    triesPerAnswer: mean(draws.map(({ tries }) => tries)),
  };
}

function summarizeChains(own: readonly Result[]): ChainSummary | null {
  const chains = own.flatMap(({ samples }) => samples.flatMap(({ chain }) => chain ?? []));
  const steps = chains.reduce((sum, chain) => sum + chain.steps, 0);
  if (steps === 0) return null;
  const share = (key: "accepted" | "moved" | "firstTokenChanges"): number =>
    chains.reduce((sum, chain) => sum + (chain[key] ?? NaN), 0) / steps;
  const [acceptance, moved] = [share("accepted"), share("moved")];
  const rHats = own.flatMap(({ splitRHat }) => splitRHat ?? []).sort((a, b) => a - b);
  return {
    moved,
    unchanged: acceptance - moved,
    rejected: 1 - acceptance,
    acceptance,
    firstTokenChanges: share("firstTokenChanges"),
    movedChains: mean(chains.map(({ firstTokenChanges }) => (firstTokenChanges > 0 ? 1 : 0))),
    unmixedChains: mean(chains.map(({ isUnmixed }) => (isUnmixed ? 1 : 0))),
    splitRHat: rHats.length === 0 ? NaN : quantile(rHats, 0.5),
    agreeing: mean(rHats.map((rHat) => (rHat <= agreementBound ? 1 : 0))),
  };
}
