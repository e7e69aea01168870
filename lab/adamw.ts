/** AdamW (Loshchilov & Hutter, arXiv 1711.05101) with the gradient's global norm clipped. */
import { numpy as np } from "@jax-js/jax";
import type { Array as JaxArray } from "@jax-js/jax";
import type { Weights } from "./model.ts";

export interface AdamState extends Record<string, Weights> {
  /** Running means of the gradient and of its square. */
  readonly first: Weights;
  readonly second: Weights;
}

export interface AdamSettings {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  /** Applied to matrices alone. */
  readonly weightDecay: number;
  readonly clipNorm: number;
}

/** Numbers that change from step to step. */
export interface StepScalars extends Record<string, JaxArray> {
  readonly learningRate: JaxArray;
  /** 1 − β1^t and 1 − β2^t. */
  readonly correction1: JaxArray;
  readonly correction2: JaxArray;
}

export function initialState(weights: Weights): AdamState {
  const zeros = (): Weights =>
    Object.fromEntries(Object.entries(weights).map(([name, weight]) => [name, np.zerosLike(weight.ref)]));
  return { first: zeros(), second: zeros() };
}

/** One update. Consumes its arguments. `gradientNorm` is that before clipping. */
export function updateWeights(
  input: { weights: Weights; gradients: Weights; state: AdamState; scalars: StepScalars },
  settings: AdamSettings,
): { weights: Weights; state: AdamState; gradientNorm: JaxArray } {
  const { beta1, beta2, epsilon, weightDecay, clipNorm } = settings;
  const { learningRate, correction1, correction2 } = input.scalars;
  const gradientNorm = globalNorm(input.gradients);
  const scale = np.minimum(np.array(1), np.array(clipNorm).div(gradientNorm.ref.add(1e-9)));
  const next: { weights: Weights; state: { first: Weights; second: Weights } } = {
    weights: {},
    state: { first: {}, second: {} },
  };
  for (const [name, weight] of Object.entries(input.weights)) {
    const gradient = input.gradients[name]!.mul(scale.ref);
    const first = input.state.first[name]!.mul(beta1).add(gradient.ref.mul(1 - beta1));
    const second = input.state.second[name]!.mul(beta2).add(np.square(gradient).mul(1 - beta2));
    const direction = first.ref
      .div(correction1.ref)
      .div(np.sqrt(second.ref.div(correction2.ref)).add(epsilon));
    const decayed = weight.ndim > 1 ? direction.add(weight.ref.mul(weightDecay)) : direction;
    next.weights[name] = weight.sub(decayed.mul(learningRate.ref));
    next.state.first[name] = first;
    next.state.second[name] = second;
  }
  for (const used of [scale, learningRate, correction1, correction2]) used.dispose();
  return { ...next, gradientNorm };
}

/** ‖g‖ over all weights. Leaves the gradients alone. */
function globalNorm(gradients: Weights): JaxArray {
  const squares = Object.values(gradients).map((gradient) => np.sum(np.square(gradient.ref)));
  return np.sqrt(squares.reduce((sum, square) => sum.add(square)));
}
