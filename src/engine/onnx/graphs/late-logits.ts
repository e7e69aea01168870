/**
 * Logits of the tokens that are asked for, and no others. The product with the vocabulary is a fifth of all arithmetic
 * of SmolLM2-135M, and its result the largest that a pass writes; of a prompt's chunk one row of it is used, if any.
 */
import onnxProto from "onnx-proto";
import { logitTokens } from "./decoder-graph.ts";
import type { FloatType } from "./decoder-graph.ts";
import { valueInfo } from "./graph-writer.ts";
import { field } from "./onnx-fields.ts";
import { bytesField, edited } from "./protobuf-edit.ts";
import type { OpenMessage, Pieces } from "./protobuf-edit.ts";
import { ProtobufFile } from "./protobuf-file.ts";
import type { Field } from "./protobuf-file.ts";

const { onnx } = onnxProto;

const late = "metropolis_late_hidden";

const products: ReadonlySet<string> = new Set(["MatMul", "MatMulNBits"]);
/** What logits may go through after the product, value by value: casts, biases, scales, caps. */
const valueByValue: ReadonlySet<string> = new Set(["Cast", "Add", "Sub", "Mul", "Div", "Tanh"]);

export interface LogitsShape {
  readonly logitsType: FloatType;
  readonly vocabularySize: number;
}

/**
 * A decoder whose logits are [B, L, V] for the input `logitTokens`, [B, L, 1], where they were [B, S, V].
 * @param bytes an ONNX file
 * @returns `undefined` where it does not show that the logits come, token by token, from one product, and go nowhere else
 */
export function withLateLogits(bytes: Uint8Array, shape: LogitsShape): Uint8Array | undefined {
  using file = new ProtobufFile(bytes, () => new Error("this is no ONNX file"));
  const graph = [...file.fields(0, file.size)].find(({ number }) => number === field.model.graph);
  if (graph === undefined) return undefined;
  const tail = findTail(file, graph);
  if (tail === undefined) return undefined;
  const message = { file, bytes };
  const items = edited(message, graph, (item) => {
    if (item.number === field.graph.node && item.start === tail.product.start)
      return [...gather(tail.hidden), ...bytesField(field.graph.node, withInput(message, item, late))];
    // Shapes that are stated of what comes after the product are no longer true.
    if (
      item.number === field.graph.valueInfo &&
      tail.shortened.has(file.textIn(item, field.value.name) ?? "")
    )
      return [];
    const isLogits = item.number === field.graph.output && file.textIn(item, field.value.name) === "logits";
    return isLogits ? logitsOutput(shape) : undefined;
  });
  const changed = bytesField(field.model.graph, [...items, ...logitTokensInput()]);
  return Buffer.concat(
    edited(message, { start: 0, end: file.size }, (part) =>
      part.start === graph.start ? changed : undefined,
    ),
  );
}

interface Tail {
  /** The node of the product with the vocabulary. */
  readonly product: Field;
  /** What it multiplies, [B, S, H]. */
  readonly hidden: string;
  /** It and what is computed from it, up to the logits. */
  readonly shortened: ReadonlySet<string>;
}

/** Follows the logits back to the product that they come from. Nothing else may take what will be shorter. */
function findTail(file: ProtobufFile, graph: Field): Tail | undefined {
  const makers = new Map<string, Field>();
  /** How many nodes take a value, or give it away as the graph's output. */
  const uses = new Map<string, number>();
  const use = (name: string): Map<string, number> => uses.set(name, (uses.get(name) ?? 0) + 1);
  for (const item of file.fields(graph.start, graph.end)) {
    if (item.number === field.graph.output) use(file.textIn(item, field.value.name) ?? "");
    if (item.number !== field.graph.node) continue;
    for (const part of file.fields(item.start, item.end)) {
      if (part.number === field.node.input) use(file.text(part));
      if (part.number === field.node.output) makers.set(file.text(part), item);
    }
  }
  const shortened = new Set<string>();
  let name = "logits";
  for (;;) {
    const maker = makers.get(name);
    if (maker === undefined || uses.get(name) !== 1) return undefined;
    shortened.add(name);
    const operator = file.textIn(maker, field.node.operator) ?? "";
    const inputs = [...file.fields(maker.start, maker.end)]
      .filter(({ number }) => number === field.node.input)
      .map((part) => file.text(part));
    if (products.has(operator)) {
      const [hidden = ""] = inputs;
      return makers.has(hidden) ? { product: maker, hidden, shortened } : undefined;
    }
    // The other operand of a bias or a scale is a constant.
    const computed = inputs.filter((input) => makers.has(input));
    if (!valueByValue.has(operator) || computed.length !== 1) return undefined;
    name = computed[0]!;
  }
}

/** late[b, l] = hidden[b, logitTokens[b, l]] */
const gather = (hidden: string): Pieces =>
  bytesField(field.graph.node, [
    onnx.NodeProto.encode({
      opType: "GatherND",
      name: late,
      input: [hidden, logitTokens],
      output: [late],
      attribute: [{ name: "batch_dims", type: onnx.AttributeProto.AttributeType.INT, i: 1 }],
    }).finish(),
  ]);

/** A node with its first input replaced. */
function withInput(message: OpenMessage, node: Field, name: string): Pieces {
  let isFirst = true;
  return edited(message, node, (part) => {
    if (part.number !== field.node.input || !isFirst) return undefined;
    isFirst = false;
    return bytesField(field.node.input, [new TextEncoder().encode(name)]);
  });
}

const logitsOutput = ({ logitsType, vocabularySize }: LogitsShape): Pieces =>
  bytesField(field.graph.output, [
    onnx.ValueInfoProto.encode(
      valueInfo("logits", logitsType, ["batch_size", "late_tokens", vocabularySize]),
    ).finish(),
  ]);

const logitTokensInput = (): Pieces =>
  bytesField(field.graph.input, [
    onnx.ValueInfoProto.encode(valueInfo(logitTokens, "int64", ["batch_size", "late_tokens", 1])).finish(),
  ]);
