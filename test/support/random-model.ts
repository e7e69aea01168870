import { InferenceSession, Tensor } from "onnxruntime-node";
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

/** Logits after every token, by onnxruntime-node's own API, without any cache. */
export async function stockLogits(
  path: string,
  { kvHeads, headDim, layers }: DecoderShape,
  ids: readonly number[],
): Promise<Float32Array> {
  const session = await InferenceSession.create(path, { intraOpNumThreads: 1 });
  const feeds: Record<string, Tensor> = {
    input_ids: new Tensor("int64", BigInt64Array.from(ids, BigInt), [1, ids.length]),
    attention_mask: new Tensor("int64", new BigInt64Array(ids.length).fill(1n), [1, ids.length]),
  };
  for (let layer = 0; layer < layers; layer++) {
    for (const side of ["key", "value"]) {
      feeds[`past_key_values.${layer}.${side}`] = new Tensor("float32", new Float32Array(0), [
        1,
        kvHeads,
        0,
        headDim,
      ]);
    }
  }
  const { logits } = await session.run(feeds);
  const data = (logits!.data as Float32Array).slice();
  await session.release();
  return data;
}
