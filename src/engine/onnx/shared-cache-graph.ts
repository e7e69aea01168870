import { InferenceError } from "../../core/errors.ts";
import type { ElementType } from "./ort/element-type.ts";
import type { GraphValue, Session } from "./ort/session.ts";

/** One layer's half of the cache: the graph's input and output for it. */
export interface CachePlane {
  readonly past: string;
  readonly present: string;
}

/** What a shared-cache graph takes and gives. */
export interface SharedCacheGraph {
  readonly planes: readonly CachePlane[];
  readonly kvHeads: number;
  readonly headDim: number;
  readonly cacheType: ElementType;
  readonly vocabularySize: number;
  readonly takesPositions: boolean;
}

const pastName = /^past_key_values\.(\d+)\.(key|value)$/;

/**
 * Reads the form that onnxruntime-genai's model builder writes: input_ids, attention_mask, maybe position_ids,
 * past_key_values.{i}.key|value → logits, present.{i}.key|value, with GroupQueryAttention inside, so that past
 * and present may be one buffer.
 * @throws InferenceError `unsupported`, naming what was found
 */
export function readSharedCacheGraph({
  inputs,
  outputs,
}: Pick<Session, "inputs" | "outputs">): SharedCacheGraph {
  const planes: CachePlane[] = [];
  let shape: GraphValue | undefined;
  for (const input of inputs) {
    if (input.name === "input_ids" || input.name === "attention_mask" || input.name === "position_ids")
      continue;
    const match = pastName.exec(input.name);
    if (match === null) throw unsupported(`the graph has an input '${input.name}' that is not known`);
    planes.push({ past: input.name, present: `present.${match[1]!}.${match[2]!}` });
    shape ??= input;
  }
  if (shape === undefined) throw unsupported("the graph has no past_key_values inputs");
  for (const { present } of planes) find(outputs, present);
  find(inputs, "input_ids");
  find(inputs, "attention_mask");
  const logits = find(outputs, "logits");
  const vocabularySize = logits.shape.at(-1) ?? -1;
  const [, kvHeads = -1, , headDim = -1] = shape.shape;
  if (kvHeads < 1 || headDim < 1 || vocabularySize < 1) {
    throw unsupported("the graph leaves the number of heads, their size or the vocabulary open");
  }
  if (shape.type !== "float32" || logits.type !== "float32") {
    throw unsupported(
      `the cache is ${shape.type ?? "of another type"} and the logits ${logits.type ?? "of another type"}; float32 is needed`,
    );
  }
  const takesPositions = inputs.some(({ name }) => name === "position_ids");
  return { planes, kvHeads, headDim, cacheType: shape.type, vocabularySize, takesPositions };
}

function find(values: readonly GraphValue[], name: string): GraphValue {
  const value = values.find((candidate) => candidate.name === name);
  if (value === undefined) {
    throw unsupported(
      `the graph has no '${name}' among ${values.map((candidate) => candidate.name).join(", ")}`,
    );
  }
  return value;
}

function unsupported(problem: string): InferenceError {
  return new InferenceError(
    "unsupported",
    `This ONNX file is not in the form served here: ${problem}. Needed is a decoder with GroupQueryAttention and a shared cache, as onnxruntime-genai's model builder writes.`,
  );
}
