import { passAtK } from "../measure.ts";
import type { Task } from "../task.ts";
import type { CovarianceSummary } from "./covariance.ts";
import type { Rollout } from "./rollout.ts";

/**
 * A line of a run's log: the policy after `step` rollout steps, and what its next updates did. `step`, `H`, `R` and
 * `n` make it a point for `metropolis entropy fit`.
 */
export interface LogLine {
  readonly step: number;
  readonly method: string;
  /** What held the entropy up: the method, except for plain GRPO. A fit wants to know. */
  readonly intervention?: string;
  /** Policy entropy on training prompts, mean per response, then over responses; nats (equation 5). */
  readonly H: number;
  /** The same, mean over all tokens. */
  readonly tokenMeanH: number;
  /** Share of right answers on held-out prompts, sampled at T = 1, and how many samples that was. */
  readonly R: number;
  readonly n: number;
  /** Unbiased, on held-out prompts, by k. */
  readonly passAt: Readonly<Record<string, number>>;
  /** On training prompts. */
  readonly reward: number;
  /** Of the training responses, by route; those that ran out of room; mean tokens. */
  readonly routes: Readonly<Record<string, number>>;
  readonly unfinished: number;
  readonly meanTokens: number;
  /** Left out of the last line, and where no prompt had right and wrong responses. */
  readonly update?: UpdateSummary;
}

/** One step's updates; means over its minibatches unless said. */
export interface UpdateSummary {
  /** Prompts with right and wrong responses, the only ones that teach. */
  readonly mixedGroups: number;
  readonly minibatches: number;
  /** Over the tokens of all mixed groups, under the policy that drew them. */
  readonly covariance: CovarianceSummary;
  readonly loss: number;
  readonly gradientNorm: number;
  /** k3 estimate of KL(π_old ‖ π) after the minibatches before. */
  readonly kl: number;
  readonly clippedFraction: number;
  /** Tokens that Clip-Cov or KL-Cov acted on, as a share of all: max(1, ⌊rN⌋)/N, not the r that was asked for. */
  readonly selectedFraction: number;
  /** Of Clip-Cov: its window, what it could choose from, and minibatches where that was nothing. */
  readonly clipCov?: {
    readonly low: number;
    readonly high: number;
    readonly candidates: number;
    readonly emptyMinibatches: number;
  };
}

export type PolicyMeasures = Pick<
  LogLine,
  "H" | "tokenMeanH" | "R" | "n" | "passAt" | "reward" | "routes" | "unfinished" | "meanTokens"
>;

/** Entropy and rewards of a policy from its responses to training and to held-out prompts, [prompts][samples]. */
export function measurePolicy(
  task: Task,
  training: readonly (readonly Rollout[])[],
  heldOut: readonly (readonly Rollout[])[],
): PolicyMeasures {
  const responses = training.flat();
  const counts = new Map(task.routes.map((route) => [route, 0]));
  for (const { prompt, text } of responses) {
    const route = task.routeOf(prompt, text);
    counts.set(route, counts.get(route)! + 1);
  }
  const samples = heldOut[0]!.length;
  const powersOfTwo = [1, 2, 4, 8, 16].filter((k) => k <= samples);
  const rights = heldOut.map((group) => sum(group.map(({ reward }) => reward)));
  return {
    ...meanEntropies(responses),
    R: sum(rights) / (rights.length * samples),
    n: rights.length * samples,
    passAt: Object.fromEntries(
      powersOfTwo.map((k) => [k, mean(rights.map((right) => passAtK(samples, right, k)))]),
    ),
    reward: mean(responses.map(({ reward }) => reward)),
    routes: Object.fromEntries([...counts].map(([route, count]) => [route, count / responses.length])),
    unfinished: mean(responses.map(({ hasEnded }) => (hasEnded ? 0 : 1))),
    meanTokens: mean(responses.map(({ tokens }) => tokens.length)),
  };
}

/** The two averages of H_t over responses, which differ where long responses are surer than short ones. */
export function meanEntropies(
  responses: readonly Pick<Rollout, "tokens">[],
): Pick<LogLine, "H" | "tokenMeanH"> {
  const entropies = responses.map(({ tokens }) => tokens.map(({ entropy }) => entropy));
  return { H: mean(entropies.map(mean)), tokenMeanH: mean(entropies.flat()) };
}

export const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
export const mean = (values: readonly number[]): number => sum(values) / values.length;
