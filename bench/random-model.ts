import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { exportOnnx } from "../lab/export-onnx.ts";
import type { DecoderShape } from "../lab/export-onnx.ts";
import { Stream } from "../lab/stream.ts";

/** 6 layers, d = 256: small enough to build in a second, large enough that the cache matters. */
export const smallShape: DecoderShape = {
  vocabularySize: 1024,
  hiddenSize: 256,
  layers: 6,
  heads: 8,
  kvHeads: 8,
  headDim: 32,
  intermediateSize: 704,
  maxPositions: 2048,
  ropeTheta: 10_000,
  normEpsilon: 1e-5,
};

/** Writes a model of random weights to a temporary folder and returns its path. */
export async function writeRandomModel(shape: DecoderShape): Promise<string> {
  let name = 0;
  const bytes = exportOnnx(shape, (_, dimensions) => {
    const stream = new Stream(name++);
    const size = dimensions.reduce((product, length) => product * length, 1);
    const scale = Math.sqrt(12 / dimensions[0]!);
    if (dimensions.length === 1) return new Float32Array(size).fill(1);
    return Float32Array.from({ length: size }, () => scale * (stream.uniform() - 0.5));
  });
  const path = join(await mkdtemp(join(tmpdir(), "metropolis-bench-")), "model.onnx");
  await writeFile(path, bytes);
  return path;
}
