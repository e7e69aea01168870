/** The decoder that is trained: RMSNorm, rotary positions, gated MLP, as `export-onnx.ts` writes it out. */
import { nn, numpy as np } from "@jax-js/jax";
import type { Array as JaxArray } from "@jax-js/jax";
import { rotaryTable } from "./export-onnx.ts";
import type { DecoderShape } from "./export-onnx.ts";
import type { Stream } from "./stream.ts";

/** Weights by the names that `export-onnx.ts` asks for. */
export type Weights = Record<string, JaxArray>;

/** Every weight's shape, in a fixed order. */
export function weightShapes(shape: DecoderShape): ReadonlyMap<string, readonly number[]> {
  const { vocabularySize, hiddenSize, layers, heads, kvHeads, headDim, intermediateSize } = shape;
  const shapes = new Map<string, readonly number[]>([["embedding", [vocabularySize, hiddenSize]]]);
  for (let layer = 0; layer < layers; layer++) {
    shapes.set(`layers.${layer}.attentionNorm`, [hiddenSize]);
    shapes.set(`layers.${layer}.query`, [hiddenSize, heads * headDim]);
    shapes.set(`layers.${layer}.key`, [hiddenSize, kvHeads * headDim]);
    shapes.set(`layers.${layer}.value`, [hiddenSize, kvHeads * headDim]);
    shapes.set(`layers.${layer}.output`, [heads * headDim, hiddenSize]);
    shapes.set(`layers.${layer}.mlpNorm`, [hiddenSize]);
    shapes.set(`layers.${layer}.gate`, [hiddenSize, intermediateSize]);
    shapes.set(`layers.${layer}.up`, [hiddenSize, intermediateSize]);
    shapes.set(`layers.${layer}.down`, [intermediateSize, hiddenSize]);
  }
  shapes.set("finalNorm", [hiddenSize]);
  shapes.set("head", [hiddenSize, vocabularySize]);
  return shapes;
}

/** Norms are ones, matrices normal with variance 1/inputs, those that write to the residual smaller by depth. */
export function initialValues(shape: DecoderShape, stream: Stream): Map<string, Float32Array> {
  const values = new Map<string, Float32Array>();
  for (const [name, dimensions] of weightShapes(shape)) {
    const size = dimensions.reduce((product, length) => product * length, 1);
    const isNorm = dimensions.length === 1;
    const writesResidual = name.endsWith(".output") || name.endsWith(".down");
    const scale = name === "embedding" ? 1 : dimensions[0]! ** -0.5;
    const depthScale = writesResidual ? (2 * shape.layers) ** -0.5 : 1;
    values.set(
      name,
      Float32Array.from({ length: size }, () => (isNorm ? 1 : stream.normal() * scale * depthScale)),
    );
  }
  return values;
}

export function toWeights(shape: DecoderShape, values: ReadonlyMap<string, Float32Array>): Weights {
  const weights: Weights = {};
  for (const [name, dimensions] of weightShapes(shape)) {
    weights[name] = np.array(values.get(name)!).reshape([...dimensions]);
  }
  return weights;
}

/**
 * Logits [batch, length, vocabulary] of token ids [batch, length]. Consumes its arguments, as jax-js functions
 * do.
 */
export function forward(shape: DecoderShape, weights: Weights, ids: JaxArray): JaxArray {
  const [batch, length] = ids.shape as [number, number];
  const constants = attentionConstants(shape, length);
  let hidden = np.matmul(nn.oneHot(ids, shape.vocabularySize), weights.embedding!);
  for (let layer = 0; layer < shape.layers; layer++) {
    const weight = (part: string): JaxArray => weights[`layers.${layer}.${part}`]!;
    const normed = rmsNorm(hidden.ref, weight("attentionNorm"), shape.normEpsilon);
    hidden = hidden.add(attend(shape, { normed, weight, batch, length }, constants));
    const input = rmsNorm(hidden.ref, weight("mlpNorm"), shape.normEpsilon);
    const gated = nn.silu(np.matmul(input.ref, weight("gate"))).mul(np.matmul(input, weight("up")));
    hidden = hidden.add(np.matmul(gated, weight("down")));
  }
  for (const constant of Object.values(constants)) constant.dispose();
  return np.matmul(rmsNorm(hidden, weights.finalNorm!, shape.normEpsilon), weights.head!);
}

interface AttentionConstants extends Record<string, JaxArray> {
  /** [length, headDim], each half of the columns the same. */
  readonly cos: JaxArray;
  readonly sin: JaxArray;
  /** [headDim, headDim]: (a, b) → (−b, a), so that rotation is x·cos + (x R)·sin. */
  readonly quarterTurn: JaxArray;
  /** [length, length]: 0 where a token may look, −1e9 elsewhere. */
  readonly causalBias: JaxArray;
}

function attentionConstants(shape: DecoderShape, length: number): AttentionConstants {
  const { headDim } = shape;
  const half = headDim / 2;
  const doubled = (table: Float32Array): JaxArray =>
    np
      .array(
        Float32Array.from({ length: length * headDim }, (_, index) => {
          const position = Math.floor(index / headDim);
          return table[position * half + (index % half)]!;
        }),
      )
      .reshape([length, headDim]);
  const quarterTurn = new Float32Array(headDim * headDim);
  for (let i = 0; i < half; i++) {
    quarterTurn[(i + half) * headDim + i] = -1;
    quarterTurn[i * headDim + i + half] = 1;
  }
  const causalBias = Float32Array.from({ length: length * length }, (_, index) =>
    index % length > Math.floor(index / length) ? -1e9 : 0,
  );
  return {
    cos: doubled(rotaryTable(shape, Math.cos)),
    sin: doubled(rotaryTable(shape, Math.sin)),
    quarterTurn: np.array(quarterTurn).reshape([headDim, headDim]),
    causalBias: np.array(causalBias).reshape([length, length]),
  };
}

function attend(
  { heads, kvHeads, headDim }: DecoderShape,
  input: { normed: JaxArray; weight: (part: string) => JaxArray; batch: number; length: number },
  { cos, sin, quarterTurn, causalBias }: AttentionConstants,
): JaxArray {
  if (heads !== kvHeads) throw new Error("the trainer has no grouped heads");
  const { normed, weight, batch, length } = input;
  const split = (projected: JaxArray): JaxArray =>
    np.transpose(projected.reshape([batch, length, heads, headDim]), [0, 2, 1, 3]);
  const rotate = (x: JaxArray): JaxArray =>
    x.ref.mul(cos.ref).add(np.matmul(x, quarterTurn.ref).mul(sin.ref));
  const query = rotate(split(np.matmul(normed.ref, weight("query"))));
  const key = rotate(split(np.matmul(normed.ref, weight("key"))));
  const value = split(np.matmul(normed, weight("value")));
  const scores = np
    .matmul(query, np.transpose(key, [0, 1, 3, 2]))
    .mul(headDim ** -0.5)
    .add(causalBias.ref);
  const mixed = np.matmul(nn.softmax(scores, -1), value);
  return np.matmul(
    np.transpose(mixed, [0, 2, 1, 3]).reshape([batch, length, heads * headDim]),
    weight("output"),
  );
}

function rmsNorm(x: JaxArray, weight: JaxArray, epsilon: number): JaxArray {
  const meanSquare = np.mean(np.square(x.ref), -1, { keepdims: true });
  return x.div(np.sqrt(meanSquare.add(epsilon))).mul(weight);
}
