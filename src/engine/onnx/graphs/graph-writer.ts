import onnxProto from "onnx-proto";
import { elementTypes } from "../ort/element-type.ts";
import type { ElementType } from "../ort/element-type.ts";

const { onnx } = onnxProto;

/** A size, or the name of one that is chosen at run time. */
export type Dimension = number | string;

/** Numbers become INT attributes, lists INTS, `epsilon` a FLOAT. */
type Attributes = Readonly<Record<string, number | readonly number[]>>;

export const microsoft = "com.microsoft";

/** Collects the parts of an ONNX graph and writes them down. Opset 17, IR 8. */
export class GraphWriter {
  readonly #name: string;
  readonly #nodes: onnxProto.onnx.INodeProto[] = [];
  readonly #initializers: onnxProto.onnx.ITensorProto[] = [];
  readonly #inputs: onnxProto.onnx.IValueInfoProto[] = [];
  readonly #outputs: onnxProto.onnx.IValueInfoProto[] = [];

  constructor(name: string) {
    this.#name = name;
  }

  input(name: string, type: ElementType, shape: readonly Dimension[]): void {
    this.#inputs.push(valueInfo(name, type, shape));
  }

  output(name: string, type: ElementType, shape: readonly Dimension[]): void {
    this.#outputs.push(valueInfo(name, type, shape));
  }

  constant(name: string, values: Float32Array, shape: readonly number[]): void {
    this.#initialize("float32", { name, values, shape });
  }

  integers(name: string, values: readonly number[], shape: readonly number[] = [values.length]): void {
    this.#initialize("int64", { name, values: BigInt64Array.from(values, BigInt), shape });
  }

  bytes(name: string, values: Uint8Array, shape: readonly number[]): void {
    this.#initialize("uint8", { name, values, shape });
  }

  // eslint-disable-next-line max-params -- reads like a line of ONNX
  node(
    type: string,
    input: readonly string[],
    output: readonly string[],
    attributes: Attributes = {},
    domain = "",
  ): void {
    const { FLOAT, INT, INTS } = onnx.AttributeProto.AttributeType;
    const attribute = Object.entries(attributes).map(([name, value]) => {
      if (typeof value !== "number") return { name, type: INTS, ints: [...value] };
      return name === "epsilon" ? { name, type: FLOAT, f: value } : { name, type: INT, i: value };
    });
    this.#nodes.push({
      opType: type,
      name: output[0] ?? null,
      input: [...input],
      output: [...output],
      attribute,
      domain,
    });
  }

  encode(): Uint8Array {
    const model = onnx.ModelProto.create({
      irVersion: 8,
      producerName: "metropolis",
      opsetImport: [
        { domain: "", version: 17 },
        { domain: microsoft, version: 1 },
      ],
      graph: {
        name: this.#name,
        node: this.#nodes,
        initializer: this.#initializers,
        input: this.#inputs,
        output: this.#outputs,
      },
    });
    return onnx.ModelProto.encode(model).finish();
  }

  #initialize(
    type: ElementType,
    {
      name,
      values,
      shape,
    }: { name: string; values: Float32Array | BigInt64Array | Uint8Array; shape: readonly number[] },
  ): void {
    const size = shape.reduce((product, length) => product * length, 1);
    if (values.length !== size) throw new Error(`${name} has ${values.length} values, not ${size}`);
    const rawData = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    this.#initializers.push({ name, dataType: elementTypes[type].code, dims: [...shape], rawData });
  }
}

/** The type of a graph's input or output. */
export function valueInfo(
  name: string,
  type: ElementType,
  shape: readonly Dimension[],
): onnxProto.onnx.IValueInfoProto {
  const dim = shape.map((size) => (typeof size === "string" ? { dimParam: size } : { dimValue: size }));
  return { name, type: { tensorType: { elemType: elementTypes[type].code, shape: { dim } } } };
}
