import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { exportOnnx } from "../lab/export-onnx.ts";
import type { DecoderShape, Linear, WeightSource } from "../lab/export-onnx.ts";
import { Stream } from "../lab/stream.ts";
import { microsoft } from "../src/engine/onnx/graphs/graph-writer.ts";
import type { GraphWriter } from "../src/engine/onnx/graphs/graph-writer.ts";
import { toHalfPrecision } from "./half-precision.ts";

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

/** 38 M parameters, 154 MB: beyond any cache, so that a step costs the reading of its weights. */
export const wideShape: DecoderShape = {
  ...smallShape,
  hiddenSize: 512,
  layers: 12,
  kvHeads: 4,
  headDim: 64,
  intermediateSize: 1408,
};

/** SmolLM2-135M's. */
export const mediumShape: DecoderShape = {
  vocabularySize: 49_152,
  hiddenSize: 576,
  layers: 30,
  heads: 9,
  kvHeads: 3,
  headDim: 64,
  intermediateSize: 1536,
  maxPositions: 2048,
  ropeTheta: 100_000,
  normEpsilon: 1e-5,
};

export type WeightFormat = "fp32" | "fp16" | "4-bit";

/** A model file in a folder of its own, which goes with it. */
export interface RandomModel extends AsyncDisposable {
  readonly path: string;
}

/** Writes a model of random weights, the embedding apart from the head. */
export async function writeRandomModel(
  shape: DecoderShape,
  format: WeightFormat = "fp32",
): Promise<RandomModel> {
  const noise = createNoise();
  const bytes = exportOnnx(shape, createWeights(noise), (graph, input, linear) => {
    writeLinear(graph, input, { ...linear, format, noise });
  });
  const folder = await mkdtemp(join(tmpdir(), "metropolis-bench-"));
  const path = join(folder, "model.onnx");
  await writeFile(path, format === "fp16" ? toHalfPrecision(bytes) : bytes);
  return { path, [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) };
}

type Noise = (size: number, scale: number) => Float32Array;

/** Pieces of one table of uniform numbers in ±1/2, each from another place: a hundred million take too long to draw. */
function createNoise(): Noise {
  const stream = new Stream(0);
  const table = Float32Array.from({ length: 1_000_003 }, () => stream.uniform() - 0.5);
  let start = 0;
  return (size, scale) => {
    const values = new Float32Array(size);
    for (let index = 0; index < size; index++) values[index] = scale * table[(start + index) % table.length]!;
    start = (start + size) % table.length;
    return values;
  };
}

const createWeights =
  (noise: Noise): WeightSource =>
  (_, dimensions) => {
    const size = dimensions.reduce((product, length) => product * length, 1);
    if (dimensions.length === 1) return new Float32Array(size).fill(1);
    return noise(size, Math.sqrt(12 / dimensions[0]!));
  };

/** Writes one multiplication by random weights. */
export function writeRandomLinear(
  graph: GraphWriter,
  input: string,
  linear: Linear,
  format: WeightFormat,
): void {
  writeLinear(graph, input, { ...linear, format, noise: createNoise() });
}

interface RandomLinear extends Linear {
  readonly format: WeightFormat;
  readonly noise: Noise;
}

function writeLinear(graph: GraphWriter, input: string, { format, ...linear }: RandomLinear): void {
  const { weight, output, shape, noise } = linear;
  if (format === "4-bit") {
    writeQuantized(graph, input, linear);
  } else {
    graph.constant(weight, createWeights(noise)(weight, shape), shape);
    graph.node("MatMul", [input, weight], [output]);
  }
}

/** Weights that share a scale. */
const quantizedBlock = 32;

/** int8 arithmetic, as the model builder asks for on the CPU. */
const int8Accuracy = 4;

/** y = x·W with W in blocks of 32 along the input, two weights a byte around 8, a float32 scale for each block. */
function writeQuantized(
  graph: GraphWriter,
  input: string,
  { weight, output, shape: [inputs, outputs], noise }: Omit<RandomLinear, "format">,
): void {
  const blocks = Math.ceil(inputs / quantizedBlock);
  const packed = Uint8Array.from(noise((outputs * blocks * quantizedBlock) / 2, 256), (value) => value + 128);
  const scale = Math.sqrt(12 / inputs) / 16;
  graph.bytes(`${weight}.packed`, packed, [outputs, blocks, quantizedBlock / 2]);
  graph.constant(`${weight}.scales`, new Float32Array(outputs * blocks).fill(scale), [outputs * blocks]);
  graph.node(
    "MatMulNBits",
    [input, `${weight}.packed`, `${weight}.scales`],
    [output],
    { K: inputs, N: outputs, bits: 4, block_size: quantizedBlock, accuracy_level: int8Accuracy },
    microsoft,
  );
}
