import onnxProto from "onnx-proto";
import type { DecoderShape } from "./export-onnx.ts";
import { weightShapes } from "./model.ts";

/**
 * The weights of a graph that `export-onnx.ts` wrote, by name, row-major.
 * @throws Error naming the weight that is missing or has another shape
 */
export function importOnnx(shape: DecoderShape, file: Uint8Array): Map<string, Float32Array> {
  const { graph } = onnxProto.onnx.ModelProto.decode(file);
  const initializers = new Map((graph?.initializer ?? []).map((tensor) => [tensor.name, tensor]));
  const values = new Map<string, Float32Array>();
  for (const [name, dimensions] of weightShapes(shape)) {
    const tensor = initializers.get(name);
    if (tensor?.rawData == null) throw new Error(`the graph has no weight ${name}`);
    const found = (tensor.dims ?? []).map(Number);
    if (found.join() !== dimensions.join())
      throw new Error(`weight ${name} is [${found.join(", ")}], not [${dimensions.join(", ")}]`);
    // The bytes stand anywhere in the file; floats want an address of their own.
    values.set(name, new Float32Array(Uint8Array.from(tensor.rawData).buffer));
  }
  return values;
}
