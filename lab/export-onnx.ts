import { GraphWriter, microsoft } from "../src/engine/onnx/graphs/graph-writer.ts";

/** Shape of a decoder in the Llama family: RMSNorm, rotary positions, gated MLP. */
export interface DecoderShape {
  readonly vocabularySize: number;
  readonly hiddenSize: number;
  readonly layers: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly intermediateSize: number;
  /** Positions the rotary tables cover. */
  readonly maxPositions: number;
  readonly ropeTheta: number;
  readonly normEpsilon: number;
}

/**
 * Gives a weight by name, row-major; the shape says what is expected. Matrices multiply from the right:
 * [in, out]. Names: embedding, layers.{i}.{attentionNorm, query, key, value, output, mlpNorm, gate, up, down},
 * finalNorm, head.
 */
export type WeightSource = (name: string, shape: readonly number[]) => Float32Array;

/** TensorProto.DataType.INT32, where an attribute names it. */
const int32 = 6;

/**
 * Writes a decoder as ONNX in the form that onnxruntime-genai's model builder gives it: GroupQueryAttention with
 * rotary positions inside, past and present of [batch, kvHeads, positions, headDim], lengths from the mask.
 */
export function exportOnnx(
  shape: DecoderShape,
  weights: WeightSource,
  writeLinear?: LinearWriter,
): Uint8Array {
  const graph = new DecoderWriter(weights, writeLinear);
  const { vocabularySize, hiddenSize, layers, kvHeads, headDim } = shape;

  graph.input("input_ids", "int64", ["batch", "sequence"]);
  graph.input("attention_mask", "int64", ["batch", "total"]);
  for (let layer = 0; layer < layers; layer++) {
    for (const side of ["key", "value"]) {
      graph.input(`past_key_values.${layer}.${side}`, "float32", ["batch", kvHeads, "past", headDim]);
    }
  }

  writeLengths(graph);
  graph.constant("cos_cache", rotaryTable(shape, Math.cos), [shape.maxPositions, headDim / 2]);
  graph.constant("sin_cache", rotaryTable(shape, Math.sin), [shape.maxPositions, headDim / 2]);

  graph.weight("embedding", [vocabularySize, hiddenSize]);
  graph.node("Gather", ["embedding", "input_ids"], ["hidden.0"]);
  for (let layer = 0; layer < layers; layer++) writeLayer(graph, shape, layer);
  writeNorm(graph, `hidden.${layers}`, { weight: "finalNorm", output: "final", shape });
  graph.linear("final", { weight: "head", output: "logits", shape: [hiddenSize, vocabularySize] });

  graph.output("logits", "float32", ["batch", "sequence", vocabularySize]);
  for (let layer = 0; layer < layers; layer++) {
    for (const side of ["key", "value"]) {
      graph.output(`present.${layer}.${side}`, "float32", ["batch", kvHeads, "present", headDim]);
    }
  }
  return graph.encode();
}

/** seqlens_k = ΣM − 1 per row, and the width of the mask, as GroupQueryAttention wants them. */
function writeLengths(graph: DecoderWriter): void {
  graph.integers("axis_1", [1]);
  graph.integers("one", [1]);
  graph.node("ReduceSum", ["attention_mask", "axis_1"], ["mask_sum"], { keepdims: 0 });
  graph.node("Sub", ["mask_sum", "one"], ["mask_sum_less_one"]);
  graph.node("Cast", ["mask_sum_less_one"], ["seqlens_k"], { to: int32 });
  graph.node("Shape", ["attention_mask"], ["mask_shape"]);
  graph.integers("index_1", [1], []);
  graph.node("Gather", ["mask_shape", "index_1"], ["total_length"], { axis: 0 });
  graph.node("Cast", ["total_length"], ["total_sequence_length"], { to: int32 });
}

function writeLayer(graph: DecoderWriter, shape: DecoderShape, layer: number): void {
  const { hiddenSize, heads, kvHeads, headDim, intermediateSize } = shape;
  const name = (part: string): string => `layers.${layer}.${part}`;
  const input = `hidden.${layer}`;

  writeNorm(graph, input, { weight: name("attentionNorm"), output: name("normed"), shape });
  graph.linear(name("normed"), {
    weight: name("query"),
    output: name("q"),
    shape: [hiddenSize, heads * headDim],
  });
  graph.linear(name("normed"), {
    weight: name("key"),
    output: name("k"),
    shape: [hiddenSize, kvHeads * headDim],
  });
  graph.linear(name("normed"), {
    weight: name("value"),
    output: name("v"),
    shape: [hiddenSize, kvHeads * headDim],
  });
  graph.node(
    "GroupQueryAttention",
    [
      name("q"),
      name("k"),
      name("v"),
      `past_key_values.${layer}.key`,
      `past_key_values.${layer}.value`,
      "seqlens_k",
      "total_sequence_length",
      "cos_cache",
      "sin_cache",
    ],
    [name("attended"), `present.${layer}.key`, `present.${layer}.value`],
    { num_heads: heads, kv_num_heads: kvHeads, do_rotary: 1, rotary_interleaved: 0 },
    microsoft,
  );
  graph.linear(name("attended"), {
    weight: name("output"),
    output: name("mixed"),
    shape: [heads * headDim, hiddenSize],
  });
  graph.node("Add", [input, name("mixed")], [name("residual")]);

  writeNorm(graph, name("residual"), { weight: name("mlpNorm"), output: name("mlpInput"), shape });
  graph.linear(name("mlpInput"), {
    weight: name("gate"),
    output: name("gated"),
    shape: [hiddenSize, intermediateSize],
  });
  graph.linear(name("mlpInput"), {
    weight: name("up"),
    output: name("lifted"),
    shape: [hiddenSize, intermediateSize],
  });
  graph.node("Sigmoid", [name("gated")], [name("sigmoid")]);
  graph.node("Mul", [name("gated"), name("sigmoid")], [name("silu")]);
  graph.node("Mul", [name("silu"), name("lifted")], [name("product")]);
  graph.linear(name("product"), {
    weight: name("down"),
    output: name("mlp"),
    shape: [intermediateSize, hiddenSize],
  });
  graph.node("Add", [name("residual"), name("mlp")], [`hidden.${layer + 1}`]);
}

function writeNorm(
  graph: DecoderWriter,
  input: string,
  { weight, output, shape }: { weight: string; output: string; shape: DecoderShape },
): void {
  graph.weight(weight, [shape.hiddenSize]);
  graph.node("SimplifiedLayerNormalization", [input, weight], [output], {
    axis: -1,
    epsilon: shape.normEpsilon,
  });
}

/** One multiplication by a weight [in, out]. */
export interface Linear {
  readonly weight: string;
  readonly output: string;
  readonly shape: readonly [inputs: number, outputs: number];
}

/** Writes a multiplication by a weight in another form than a matrix of float32. */
type LinearWriter = (graph: GraphWriter, input: string, linear: Linear) => void;

/** f(position · theta^{−2i/headDim}), [maxPositions, headDim/2]. */
export function rotaryTable(
  { maxPositions, headDim, ropeTheta }: Pick<DecoderShape, "maxPositions" | "headDim" | "ropeTheta">,
  f: (angle: number) => number,
): Float32Array {
  const half = headDim / 2;
  return Float32Array.from({ length: maxPositions * half }, (_, index) => {
    const position = Math.floor(index / half);
    return f(position * ropeTheta ** ((-2 * (index % half)) / headDim));
  });
}

/** A graph whose weights come from a source. */
class DecoderWriter extends GraphWriter {
  readonly #weights: WeightSource;
  readonly #writeLinear: LinearWriter | undefined;

  constructor(weights: WeightSource, writeLinear: LinearWriter | undefined) {
    super("decoder");
    this.#weights = weights;
    this.#writeLinear = writeLinear;
  }

  linear(input: string, linear: Linear): void {
    if (this.#writeLinear !== undefined) {
      this.#writeLinear(this, input, linear);
    } else {
      this.weight(linear.weight, linear.shape);
      this.node("MatMul", [input, linear.weight], [linear.output]);
    }
  }

  weight(name: string, shape: readonly number[]): void {
    this.constant(name, this.#weights(name, shape), shape);
  }
}
