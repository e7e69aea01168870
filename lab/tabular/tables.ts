import { Stream } from "../stream.ts";
import { changeEntropy, entropy, gradients, predictChange, softmax } from "./entropy-change.ts";
import type { Bandit, Gradient } from "./entropy-change.ts";

export interface TabularSettings {
  readonly seed: number;
  /** Random policies to average over. */
  readonly policies: number;
  readonly actions: number;
}

/** How well the theorems predict at one learning rate, over random policies. */
export interface TheoremRow {
  readonly gradient: Gradient;
  readonly learningRate: number;
  /** Means of |ΔH| and of |ΔH − predicted|, nats. */
  readonly change: number;
  readonly error: number;
}

/** Logits and rewards are normal deviates. */
export function drawBandit(stream: Stream, actions: number): Bandit {
  const normals = (scale: number): Float64Array =>
    Float64Array.from({ length: actions }, () => scale * stream.normal());
  return { logits: normals(1.5), rewards: normals(1) };
}

/** Predicted against true entropy change at each learning rate, on the same policies. */
export function checkTheorems(settings: TabularSettings, learningRates: readonly number[]): TheoremRow[] {
  return gradients.flatMap((gradient) =>
    learningRates.map((learningRate) => {
      const stream = new Stream(settings.seed);
      let [change, error] = [0, 0];
      for (let policy = 0; policy < settings.policies; policy++) {
        const { actual, predicted } = changeEntropy(
          drawBandit(stream, settings.actions),
          gradient,
          learningRate,
        );
        change += Math.abs(actual) / settings.policies;
        error += Math.abs(actual - predicted) / settings.policies;
      }
      return { gradient, learningRate, change, error };
    }),
  );
}

/** What pushing one action does to entropy, by where the action stands. */
export interface QuadrantRow {
  readonly likely: boolean;
  readonly raised: boolean;
  /** Share of pushes after which entropy was lower, and the mean of ΔH and of its prediction, nats. */
  readonly falls: number;
  readonly change: number;
  readonly predicted: number;
}

/**
 * Moves one logit by ±size, for every action of random policies. `likely` means log π(a) above its mean −H. Raising
 * what is likely and lowering what is not sharpen the policy; the other two flatten it.
 */
export function checkQuadrants({ seed, policies, actions }: TabularSettings, size: number): QuadrantRow[] {
  const stream = new Stream(seed);
  const pushes: { likely: boolean; raised: boolean; change: number; predicted: number }[] = [];
  for (let policy = 0; policy < policies; policy++) {
    const { logits } = drawBandit(stream, actions);
    const probs = softmax(logits);
    const before = entropy(probs);
    for (let action = 0; action < actions; action++) {
      const likely = Math.log(probs[action]!) > -before;
      for (const raised of [true, false]) {
        const step = new Float64Array(actions);
        step[action] = raised ? size : -size;
        const change = entropy(softmax(logits.map((logit, a) => logit + step[a]!))) - before;
        pushes.push({ likely, raised, change, predicted: predictChange(probs, step) });
      }
    }
  }
  return [true, false].flatMap((likely) =>
    [true, false].map((raised) => {
      const inside = pushes.filter((push) => push.likely === likely && push.raised === raised);
      const mean = (valueOf: (push: (typeof pushes)[number]) => number): number =>
        inside.reduce((sum, push) => sum + valueOf(push), 0) / inside.length;
      return {
        likely,
        raised,
        falls: mean(({ change }) => (change < 0 ? 1 : 0)),
        change: mean(({ change }) => change),
        predicted: mean(({ predicted }) => predicted),
      };
    }),
  );
}
