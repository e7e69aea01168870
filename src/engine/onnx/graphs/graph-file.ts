import { statSync } from "node:fs";
import { dirname, isAbsolute, join } from "node:path";
import { InferenceError } from "../../../core/errors.ts";
import { leadsOut } from "../../../files/leads-out.ts";
import { elementTypeOf } from "../ort/element-type.ts";
import type { GraphValue } from "../ort/session.ts";
import { field } from "./onnx-fields.ts";
import { ProtobufFile } from "./protobuf-file.ts";
import type { Field } from "./protobuf-file.ts";

/** What an ONNX file says of itself; read without its weights, which may be gigabytes. */
export interface GraphFile {
  readonly inputs: readonly GraphValue[];
  readonly outputs: readonly GraphValue[];
  /** How often each operator occurs in the graph. */
  readonly operators: ReadonlyMap<string, number>;
  /** Bits per weight of block-quantized matrices. */
  readonly weightBits: ReadonlySet<number>;
  /** Levels that MatMulNBits states, 0 where it states none; see `matMulCompute`. */
  readonly accuracyLevels: ReadonlySet<number>;
  /** Weights inside or beside the file, by their element type's name, bytes. */
  readonly weightBytes: ReadonlyMap<string, number>;
  /** Sliding windows of GroupQueryAttention, tokens; empty where attention sees everything. */
  readonly windows: ReadonlySet<number>;
  /** Size of an attention head, by GroupQueryAttention and the width of its queries; cache inputs may leave it open. */
  readonly headDim: number | undefined;
  /** Files beside it that hold weights. */
  readonly dataFiles: ReadonlySet<string>;
  /** Those of them that are not there. */
  readonly missingFiles: readonly string[];
  /** Those that end before the weights that they are to hold do. */
  readonly shortFiles: readonly string[];
  /** This file and those beside it, bytes. */
  readonly bytes: number;
}

/** TensorProto.DataType, with bits per element. */
const storedTypes: Readonly<Record<number, readonly [name: string, bits: number]>> = {
  1: ["float32", 32],
  2: ["uint8", 8],
  3: ["int8", 8],
  6: ["int32", 32],
  7: ["int64", 64],
  10: ["float16", 16],
  16: ["bfloat16", 16],
  21: ["uint4", 4],
  22: ["int4", 4],
};

const blockQuantized: ReadonlySet<string> = new Set(["MatMulNBits", "GatherBlockQuantized"]);

/**
 * @throws InferenceError `engine_failed` when it is no ONNX file
 * @throws Error when it cannot be read
 */
export function readGraphFile(path: string): GraphFile {
  const inputs: GraphValue[] = [];
  const outputs: GraphValue[] = [];
  const operators = new Map<string, number>();
  const weightBits = new Set<number>();
  const accuracyLevels = new Set<number>();
  const weightBytes = new Map<string, number>();
  const windows = new Set<number>();
  const queries = new Map<string, QueryHeads>();
  let headDim: number | undefined;
  /** How far the weights in each reach, bytes. */
  const dataEnds = new Map<string, number>();
  if (leadsOut(dirname(path), path)) throw linkedOut(path);
  const file = new ProtobufFile(path, () => corrupt(path));
  try {
    for (const part of file.fields(0, file.size)) {
      if (part.number !== field.model.graph) continue;
      for (const item of file.fields(part.start, part.end)) {
        if (item.number === field.graph.node) {
          const { operator, inputs: from, attributes } = readNode(file, item);
          operators.set(operator, (operators.get(operator) ?? 0) + 1);
          const bits = attributes.get("bits");
          if (bits !== undefined && blockQuantized.has(operator)) weightBits.add(bits);
          if (operator === "MatMulNBits") accuracyLevels.add(attributes.get("accuracy_level") ?? 0);
          const window = attributes.get("local_window_size");
          if (window !== undefined && window > 0) windows.add(window);
          if (operator === "GroupQueryAttention") queries.set(from[0] ?? "", readHeads(from, attributes));
        } else if (item.number === field.graph.initializer) {
          const { type, bytes, place } = readTensor(file, item);
          weightBytes.set(type, (weightBytes.get(type) ?? 0) + bytes);
          if (place === undefined) continue;
          if (!isInside(place.file)) throw outside(path, place.file);
          dataEnds.set(place.file, Math.max(place.end, dataEnds.get(place.file) ?? 0));
        } else if (item.number === field.graph.valueInfo) {
          // Thousands; the first layer's queries say it.
          headDim ??= headDimAt(file, item, queries);
        } else if (item.number === field.graph.input) inputs.push(readValue(file, item));
        else if (item.number === field.graph.output) outputs.push(readValue(file, item));
      }
    }
    if (operators.size === 0) throw corrupt(path);
    const besides = [...dataEnds].map(([name, end]) => {
      const place = join(dirname(path), name);
      if (leadsOut(dirname(path), place)) throw linkedOut(place);
      return { name, end, size: sizeOf(place) };
    });
    const bytes = besides.reduce((sum, { size = 0 }) => sum + size, file.size);
    const missingFiles = besides.filter(({ size }) => size === undefined).map(({ name }) => name);
    const shortFiles = besides.filter(({ size = Infinity, end }) => size < end).map(({ name }) => name);
    return {
      ...{ inputs, outputs, operators, weightBits, accuracyLevels, weightBytes, windows, headDim },
      ...{ dataFiles: new Set(dataEnds.keys()), missingFiles, shortFiles, bytes },
    };
  } finally {
    file[Symbol.dispose]();
  }
}

const corrupt = (path: string): InferenceError =>
  new InferenceError(
    "engine_failed",
    `${path} is no ONNX file, or cut short. Remove it, and copy or pull it again.`,
  );

/** Whether a file that a graph names stands in the graph's folder, or below it. */
const isInside = (name: string): boolean => !isAbsolute(name) && !name.split(/[\\/]/).includes("..");

const outside = (path: string, name: string): InferenceError =>
  new InferenceError(
    "engine_failed",
    `${path} keeps weights in ${name}, outside of its own folder. Save them beside it.`,
  );

const linkedOut = (path: string): InferenceError =>
  new InferenceError(
    "engine_failed",
    `${path} is a link out of the model's folder. Put the file itself there.`,
  );

const sizeOf = (path: string): number | undefined => statSync(path, { throwIfNoEntry: false })?.size;

interface QueryHeads {
  readonly heads: number;
  readonly kvHeads: number;
  /** Whether keys and values come in the same tensor, behind the queries. */
  readonly isPacked: boolean;
}

const readHeads = (inputs: readonly string[], attributes: ReadonlyMap<string, number>): QueryHeads => ({
  heads: attributes.get("num_heads") ?? 0,
  kvHeads: attributes.get("kv_num_heads") ?? 0,
  isPacked: (inputs[1] ?? "") === "",
});

/** The size of a head, where a value is the queries of an attention. */
function headDimAt(
  file: ProtobufFile,
  value: Field,
  queries: ReadonlyMap<string, QueryHeads>,
): number | undefined {
  if (queries.size === 0) return undefined;
  const { name, shape } = readValue(file, value);
  const heads = queries.get(name);
  return heads === undefined ? undefined : headDimOf(heads, shape.at(-1)!);
}

/** @param width elements of a token's queries, or of all three where they are packed; −1 for an open one */
function headDimOf({ heads, kvHeads, isPacked }: QueryHeads, width: number): number | undefined {
  const size = width / (heads + (isPacked ? 2 * kvHeads : 0));
  return Number.isInteger(size) && size > 0 ? size : undefined;
}

function readNode(
  file: ProtobufFile,
  node: Field,
): { operator: string; inputs: string[]; attributes: Map<string, number> } {
  let operator = "";
  const inputs: string[] = [];
  const attributes = new Map<string, number>();
  for (const part of file.fields(node.start, node.end)) {
    if (part.number === field.node.operator) operator = file.text(part);
    if (part.number === field.node.input) inputs.push(file.text(part));
    if (part.number !== field.node.attribute) continue;
    let name = "";
    let integer: number | undefined;
    for (const item of file.fields(part.start, part.end)) {
      if (item.number === field.attribute.name) name = file.text(item);
      if (item.number === field.attribute.integer) integer = Number(BigInt.asIntN(64, item.value));
    }
    if (integer !== undefined) attributes.set(name, integer);
  }
  return { operator, inputs, attributes };
}

function readValue(file: ProtobufFile, value: Field): GraphValue {
  let name = "";
  let type: GraphValue["type"];
  const shape: number[] = [];
  const visit = (at: Field, number: number, then: (part: Field) => void): void => {
    for (const part of file.fields(at.start, at.end)) if (part.number === number) then(part);
  };
  visit(value, field.value.name, (part) => {
    name = file.text(part);
  });
  visit(value, field.value.type, (valueType) => {
    visit(valueType, field.type.tensor, (tensor) => {
      visit(tensor, field.tensorType.element, ({ value: code }) => {
        type = elementTypeOf(Number(code));
      });
      visit(tensor, field.tensorType.shape, (dimensions) => {
        visit(dimensions, field.shape.dimension, (dimension) => {
          let size = -1;
          visit(dimension, field.dimension.size, ({ value: given }) => {
            size = Number(given);
          });
          shape.push(size);
        });
      });
    });
  });
  return { name, type, shape };
}

function readTensor(
  file: ProtobufFile,
  tensor: Field,
): { type: string; bytes: number; place: { readonly file: string; readonly end: number } | undefined } {
  let size = 1;
  let code = 0;
  const external = new Map<string, string>();
  for (const part of file.fields(tensor.start, tensor.end)) {
    if (part.number === field.tensor.dimensions) for (const value of file.integers(part)) size *= value;
    if (part.number === field.tensor.type) code = Number(part.value);
    if (part.number !== field.tensor.external) continue;
    const entry = new Map<number, string>();
    for (const item of file.fields(part.start, part.end)) entry.set(item.number, file.text(item));
    external.set(entry.get(field.entry.key) ?? "", entry.get(field.entry.value) ?? "");
  }
  const [type, bits] = storedTypes[code] ?? [`type ${code}`, 0];
  const bytes = Math.ceil((size * bits) / 8);
  const location = external.get("location");
  const end = Number(external.get("offset") ?? 0) + Number(external.get("length") ?? bytes);
  return { type, bytes, place: location === undefined ? undefined : { file: location, end } };
}
