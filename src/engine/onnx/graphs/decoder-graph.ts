import { InferenceError } from "../../../core/errors.ts";
import type { ElementType } from "../ort/element-type.ts";
import type { GraphValue, Session } from "../ort/session.ts";

/** One layer's half of the cache: the graph's input and output for it. */
export interface CachePlane {
  readonly past: string;
  readonly present: string;
}

/** What a decoder graph takes and gives; the same for every form of cache. */
export interface DecoderGraph {
  readonly planes: readonly CachePlane[];
  readonly kvHeads: number;
  readonly headDim: number;
  readonly cacheType: FloatType;
  readonly logitsType: FloatType;
  readonly vocabularySize: number;
  readonly takesPositions: boolean;
  /** Whether it is told of each pass which tokens have logits; all have them otherwise. */
  readonly takesLogitTokens: boolean;
}

export type FloatType = Extract<ElementType, "float32" | "float16">;

/** The input that `withLateLogits` adds, int64 [B, L, 1]: which tokens of each row have logits. */
export const logitTokens = "metropolis_logit_tokens";

const knownInputs = new Set(["input_ids", "attention_mask", "position_ids", logitTokens]);
const pastName = /^past_key_values\.(\d+)\.(key|value)$/;

/**
 * Reads the names and sizes that onnxruntime-genai's model builder and optimum agree on: input_ids,
 * attention_mask, maybe position_ids, past_key_values.{i}.key|value [B, kvHeads, P, headDim] → logits [B, S, V],
 * present.{i}.key|value.
 * @param openHeadDim size of a head, for caches that leave it open, as onnxruntime-genai 0.18 writes them
 * @throws InferenceError `unsupported`, naming what was found
 */
export function readDecoderGraph(
  { inputs, outputs }: Pick<Session, "inputs" | "outputs">,
  openHeadDim = -1,
): DecoderGraph {
  const past = inputs.filter(({ name }) => pastName.test(name));
  for (const { name } of inputs) {
    if (!pastName.test(name) && !knownInputs.has(name))
      throw unsupported(`the graph has an input '${name}' that is not known`);
  }
  const first = past[0];
  if (first === undefined) throw unsupported("the graph has no past_key_values inputs");
  const planes = past.map(({ name }) => ({
    past: name,
    present: name.replace("past_key_values", "present"),
  }));
  for (const { present } of planes) find(outputs, present);
  find(inputs, "input_ids");
  find(inputs, "attention_mask");
  const logits = find(outputs, "logits");
  const vocabularySize = logits.shape.at(-1) ?? -1;
  const [, kvHeads = -1, , statedHeadDim = -1] = first.shape;
  const headDim = statedHeadDim < 1 ? openHeadDim : statedHeadDim;
  if (kvHeads < 1 || headDim < 1 || vocabularySize < 1) {
    throw unsupported("the graph leaves the number of heads, their size or the vocabulary open");
  }
  if (logits.shape.at(-2) === 1) {
    throw unsupported(
      "the graph gives logits of the last token alone; log-probs of prompts need all (build it without prune_lm_head)",
    );
  }
  const other = past.find(
    ({ shape, type }) => shape[1] !== kvHeads || shape[3] !== statedHeadDim || type !== first.type,
  );
  if (other !== undefined)
    throw unsupported(`the layers' caches differ: '${other.name}' from '${first.name}'`);
  return {
    planes,
    kvHeads,
    headDim,
    cacheType: floatType(first),
    logitsType: floatType(logits),
    vocabularySize,
    takesPositions: inputs.some(({ name }) => name === "position_ids"),
    takesLogitTokens: inputs.some(({ name }) => name === logitTokens),
  };
}

function floatType({ name, type }: GraphValue): FloatType {
  if (type === "float32" || type === "float16") return type;
  throw unsupported(`'${name}' is ${type ?? "of another type"}; float32 or float16 is needed`);
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
    `This ONNX file is not in a form served here: ${problem}. Needed is a decoder with a key-value cache, as onnxruntime-genai's model builder and optimum (text-generation-with-past) write.`,
  );
}
