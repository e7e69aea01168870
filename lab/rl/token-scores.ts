import { nn, numpy as np } from "@jax-js/jax";
import type { Array as JaxArray } from "@jax-js/jax";
import type { DecoderShape } from "../export-onnx.ts";
import { forward } from "../model.ts";
import type { Weights } from "../model.ts";

/** log π(target) and H = −Σ π log π at every position, nats; [rows, length] each. Consumes its arguments. */
export function scoreTokens(
  shape: DecoderShape,
  weights: Weights,
  ids: JaxArray,
  targets: JaxArray,
): Record<"logProbs" | "entropies", JaxArray> {
  const all = nn.logSoftmax(forward(shape, weights, ids), -1);
  const logProbs = np.sum(all.ref.mul(nn.oneHot(targets, shape.vocabularySize)), -1);
  const entropies = np.sum(np.exp(all.ref).mul(all), -1).mul(-1);
  return { logProbs, entropies };
}

/** Σ_i a_i·log π_i + b_i·H_i: what has the gradient of any loss whose slopes by log π_i and H_i are a_i and b_i. */
export function weighScores(
  scores: ReturnType<typeof scoreTokens>,
  slopes: Record<"logProbs" | "entropies", JaxArray>,
): JaxArray {
  return np.sum(scores.logProbs.mul(slopes.logProbs).add(scores.entropies.mul(slopes.entropies)));
}
