import { nn, numpy as np } from "@jax-js/jax";
import type { Array as JaxArray } from "@jax-js/jax";
import type { DecoderShape } from "./export-onnx.ts";
import { forward } from "./model.ts";
import type { Weights } from "./model.ts";

/** Ids in, and what should come out where `mask` is 1. All [batch, length]. */
export interface TrainingBatch extends Record<string, JaxArray> {
  readonly ids: JaxArray;
  readonly targets: JaxArray;
  readonly mask: JaxArray;
}

/** Mean cross-entropy over the masked positions, nats: −Σ mask·log p(target) / Σ mask. */
export function crossEntropy(
  shape: DecoderShape,
  weights: Weights,
  { ids, targets, mask }: TrainingBatch,
): JaxArray {
  const logProbabilities = nn.logSoftmax(forward(shape, weights, ids), -1);
  const ofTargets = np.sum(logProbabilities.mul(nn.oneHot(targets, shape.vocabularySize)), -1);
  return np.sum(ofTargets.mul(mask.ref)).div(np.sum(mask)).mul(-1);
}
