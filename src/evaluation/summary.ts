import type { Result, Sample } from "./result-file.ts";
import { answerEntropy, bootstrap, mean, passAtK } from "./statistics.ts";
import type { Estimate } from "./statistics.ts";

/** What the samples of one configuration come to. Means over a configuration are means of its items' means. */
export interface Summary {
  readonly configuration: string;
  readonly items: number;
  readonly n: number;
  /** Share of right answers: pass@1. */
  readonly accuracy: Estimate;
  /** By k: 1, 2, 4, … n, and n itself. */
  readonly passAt: readonly { readonly k: number; readonly estimate: Estimate }[];
  /** Difference of accuracy to each other configuration on the same items. */
  readonly differences: readonly { readonly to: string; readonly estimate: Estimate }[];
  /** log p per token of each sample under the model that drew it, nats. */
  readonly meanLogprobs: readonly number[];
  /** Negative mean entropy of each sample, nats. */
  readonly confidences: readonly number[];
  readonly tokensPerAnswer: number;
  readonly evaluatedTokensPerAnswer: number;
  readonly distinctAnswers: number;
  /** Entropy of an item's answers, nats, averaged. */
  readonly answerEntropy: number;
  /** Share of steps that were accepted, and of steps that changed the first token; null without a chain. */
  readonly acceptance: number | null;
  readonly firstTokenChanges: number | null;
  readonly secondsPerRequest: number;
}

/** Summaries in the order in which configurations first appear. */
export function summarize(results: readonly Result[]): readonly Summary[] {
  const byConfiguration = new Map<string, Result[]>();
  for (const result of results) {
    const own = byConfiguration.get(result.configuration) ?? [];
    own.push(result);
    byConfiguration.set(result.configuration, own);
  }
  const names = [...byConfiguration.keys()];
  return names.map((name) => {
    const own = byConfiguration.get(name)!.toSorted((a, b) => a.id.localeCompare(b.id));
    const samples = own.flatMap((result) => result.samples);
    const n = Math.min(...own.map((result) => result.samples.length));
    return {
      configuration: name,
      items: own.length,
      n,
      accuracy: bootstrap(own.map(accuracyOf), mean),
      passAt: passCounts(n).map((k) => ({
        k,
        estimate: bootstrap(
          own.map(({ samples }) =>
            passAtK(samples.length, samples.filter(({ isCorrect }) => isCorrect).length, k),
          ),
          mean,
        ),
      })),
      differences: names
        .filter((other) => other !== name)
        .map((other) => ({ to: other, estimate: difference(own, byConfiguration.get(other)!) })),
      meanLogprobs: samples.flatMap(({ logprob, tokens }) => (logprob === null ? [] : [logprob / tokens])),
      confidences: samples.flatMap(({ meanEntropy }) => (meanEntropy === null ? [] : [-meanEntropy])),
      tokensPerAnswer: mean(samples.map(({ tokens }) => tokens)),
      evaluatedTokensPerAnswer: mean(samples.map(({ evaluatedTokens }) => evaluatedTokens)),
      distinctAnswers: mean(own.map((result) => new Set(answersOf(result)).size)),
      answerEntropy: mean(own.map((result) => answerEntropy(answersOf(result)))),
      acceptance: shareOf(samples, "accepted"),
      firstTokenChanges: shareOf(samples, "firstTokenChanges"),
      secondsPerRequest: mean(own.map(({ seconds }) => seconds)),
    };
  });
}

const accuracyOf = ({ samples }: Result): number => mean(samples.map(({ isCorrect }) => (isCorrect ? 1 : 0)));
const answersOf = ({ samples }: Result): string[] => samples.map(({ answer }) => answer);

/** Paired by item. */
function difference(left: readonly Result[], right: readonly Result[]): Estimate {
  const accuracies = new Map(right.map((result) => [result.id, accuracyOf(result)]));
  const gaps = left.flatMap((result) => {
    const other = accuracies.get(result.id);
    return other === undefined ? [] : [accuracyOf(result) - other];
  });
  return bootstrap(gaps, mean);
}

function passCounts(n: number): number[] {
  const counts: number[] = [];
  for (let k = 1; k < n; k *= 2) counts.push(k);
  return [...counts, n];
}

function shareOf(samples: readonly Sample[], key: "accepted" | "firstTokenChanges"): number | null {
  const steps = samples.reduce((sum, sample) => sum + (sample.steps ?? 0), 0);
  return steps === 0 ? null : samples.reduce((sum, sample) => sum + (sample[key] ?? 0), 0) / steps;
}
