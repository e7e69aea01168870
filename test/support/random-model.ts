import { uniform } from "../../src/core/random.ts";
import { exportOnnx } from "../../lab/export-onnx.ts";
import type { DecoderShape } from "../../lab/export-onnx.ts";

export const tinyShape: DecoderShape = {
  vocabularySize: 23,
  hiddenSize: 32,
  layers: 2,
  heads: 4,
  kvHeads: 2,
  headDim: 16,
  intermediateSize: 48,
  maxPositions: 128,
  ropeTheta: 10_000,
  normEpsilon: 1e-5,
};

/** An ONNX decoder with seeded random weights, scaled so that logits are neither flat nor peaked. */
export function randomModel(shape: DecoderShape, seed = 0): Uint8Array {
  let weight = 0;
  return exportOnnx(shape, (_, dimensions) => {
    const stage = weight++;
    const size = dimensions.reduce((product, length) => product * length, 1);
    if (dimensions.length === 1) return new Float32Array(size).fill(1);
    const scale = Math.sqrt(12 / dimensions[0]!);
    return Float32Array.from(
      { length: size },
      (_, index) => scale * (uniform({ seed, choice: 0, stage, step: 0 }, "token", index) - 0.5),
    );
  });
}
