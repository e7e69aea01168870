import onnxProto from "onnx-proto";
import { InferenceError } from "../src/core/errors.ts";
import type { DecoderSize } from "./decoder-size.ts";
import type { DecoderShape } from "./export-onnx.ts";
import { weightShapes } from "./model.ts";

/**
 * The weights of a graph that `export-onnx.ts` wrote, by name, row-major.
 * @throws InferenceError naming the weight that is missing or has another shape
 */
export function importOnnx(shape: DecoderShape, file: Uint8Array): Map<string, Float32Array> {
  const initializers = new Map(initializersOf(file).map((tensor) => [tensor.name, tensor]));
  const values = new Map<string, Float32Array>();
  for (const [name, dimensions] of weightShapes(shape)) {
    const tensor = initializers.get(name);
    if (tensor?.rawData == null) throw otherGraph(`the graph has no weight ${name}`);
    const found = (tensor.dims ?? []).map(Number);
    if (found.join() !== dimensions.join())
      throw otherGraph(`weight ${name} is [${found.join(", ")}], not [${dimensions.join(", ")}]`);
    // The bytes stand anywhere in the file; floats want an address of their own.
    values.set(name, new Float32Array(Uint8Array.from(tensor.rawData).buffer));
  }
  return values;
}

/**
 * The size of a decoder whose graph `export-onnx.ts` wrote.
 * @throws InferenceError when it has no such weights
 */
export function readSize(file: Uint8Array): DecoderSize {
  const tensors = initializersOf(file);
  const embedding = tensors.find(({ name }) => name === "embedding");
  if (embedding === undefined) throw otherGraph("the graph has no weight embedding");
  const layers = tensors.filter(({ name }) => /^layers\.\d+\.query$/.test(name ?? "")).length;
  return { width: Number(embedding.dims?.[1]), layers };
}

function initializersOf(file: Uint8Array): readonly onnxProto.onnx.ITensorProto[] {
  try {
    return onnxProto.onnx.ModelProto.decode(file).graph?.initializer ?? [];
  } catch (error) {
    throw otherGraph("the file is no ONNX graph", error);
  }
}

const otherGraph = (what: string, cause?: unknown): InferenceError =>
  new InferenceError("invalid_request", `${what}. Name a folder of this model that the lab wrote.`, {
    cause,
  });
