/**
 * What products with block-quantized weights (MatMulNBits) are computed in: the operator's attribute `accuracy_level`,
 * the least exact type that the inputs may be brought to. 4 is int8, to which ONNX Runtime then quantizes the activations
 * of every pass anew, in blocks; with all other levels it leaves them the floats that they are.
 */
import { readFileSync } from "node:fs";
import { InferenceError } from "../../../core/errors.ts";
import type { ProductType } from "../../health.ts";
import type { Device } from "../ort/device-memory.ts";
import type { GraphFile } from "./graph-file.ts";
import { field } from "./onnx-fields.ts";
import { ProtobufFile } from "./protobuf-file.ts";
import { bytesField, edited, integerField } from "./protobuf-edit.ts";

export const int4Computes = ["int8", "fp32"] as const;
/** What the operator may be asked for. */
export type Int4Compute = (typeof int4Computes)[number];

const levels: Readonly<Record<Int4Compute, number>> = { int8: 4, fp32: 1 };

const operator = "MatMulNBits";
const attribute = "accuracy_level";

type Operators = Pick<GraphFile, "operators" | "accuracyLevels">;

/** Operators that quantize activations, by the range of a whole tensor, and leave no choice. */
const integerProducts = ["MatMulInteger", "MatMulIntegerToFloat", "DynamicQuantizeMatMul", "QLinearMatMul"];

export interface ComputeChoice {
  readonly device: Device;
  /** What the operator is asked for; what the graph states when left out. */
  readonly int4Compute?: Int4Compute | undefined;
}

/**
 * What a graph's products come to on a device. CUDA has no int8 kernel for the operator: it widens the weights instead.
 * @param float what the graph has activations in
 */
export function matMulCompute(
  { operators, accuracyLevels }: Operators,
  { device, int4Compute }: ComputeChoice,
  float: "fp32" | "fp16",
): ProductType {
  if (integerProducts.some((name) => operators.has(name))) return "int8";
  const isInt8 =
    int4Compute === undefined
      ? accuracyLevels.has(levels.int8)
      : operators.has(operator) && int4Compute === "int8";
  return isInt8 && device !== "cuda" ? "int8" : float;
}

/** Whether `--int4-compute` has something to choose in a graph. */
export const hasComputeChoice = ({ operators }: Pick<Operators, "operators">): boolean =>
  operators.has(operator);

/** @throws InferenceError `unsupported` where something is asked of a graph or a device that leaves no choice */
export function checkComputeChoice(
  path: string,
  { operators }: Pick<Operators, "operators">,
  { device, int4Compute }: ComputeChoice,
): void {
  if (int4Compute === undefined) return;
  if (!hasComputeChoice({ operators }))
    throw noChoice(`${path} has no block-quantized weights (${operator})`);
  if (device === "cuda")
    throw noChoice("CUDA computes with block-quantized weights in the graph's own floats");
}

/**
 * A graph with its products computed as is asked.
 * @returns the file's contents with the attribute changed; `undefined` where nothing is asked, or the file says so already
 * @throws InferenceError as `checkComputeChoice`
 */
export function withCompute(path: string, file: Operators, choice: ComputeChoice): Uint8Array | undefined {
  checkComputeChoice(path, file, choice);
  const { int4Compute } = choice;
  if (int4Compute === undefined) return undefined;
  const level = levels[int4Compute];
  if ([...file.accuracyLevels].every((stated) => stated === level)) return undefined;
  return withAccuracyLevel(path, level);
}

const noChoice = (reason: string): InferenceError =>
  new InferenceError(
    "unsupported",
    `--int4-compute: ${reason}, so there is nothing to choose. Leave it out.`,
    {
      param: "int4_compute",
    },
  );

/** AttributeProto.AttributeType. */
const integerType = 2;

/** The model with the level stated by every such node, and all else as it was, byte by byte. */
function withAccuracyLevel(path: string, level: number): Uint8Array {
  const corrupt = (): InferenceError => new InferenceError("engine_failed", `${path} is no ONNX file.`);
  using file = new ProtobufFile(path, corrupt);
  const bytes = readFileSync(path);
  const stated = bytesField(field.node.attribute, [
    ...bytesField(field.attribute.name, [new TextEncoder().encode(attribute)]),
    ...integerField(field.attribute.integer, level),
    ...integerField(field.attribute.type, integerType),
  ]);
  const message = { file, bytes };
  const pieces = edited(message, { start: 0, end: file.size }, (part) => {
    if (part.number !== field.model.graph) return undefined;
    const graph = edited(message, part, (item) => {
      if (item.number !== field.graph.node || file.textIn(item, field.node.operator) !== operator)
        return undefined;
      const others = edited(message, item, (own) =>
        own.number === field.node.attribute && file.textIn(own, field.attribute.name) === attribute
          ? []
          : undefined,
      );
      return bytesField(field.graph.node, [...others, ...stated]);
    });
    return bytesField(field.model.graph, graph);
  });
  return Buffer.concat(pieces);
}
