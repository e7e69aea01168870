import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { abacus } from "./abacus.ts";
import { decoderShape, usualSize } from "./decoder-size.ts";
import type { DecoderShape } from "./export-onnx.ts";
import { importOnnx, readSize } from "./import-onnx.ts";
import { pivot } from "./pivot.ts";
import { testSize } from "./task.ts";
import type { Task, Vocabulary } from "./task.ts";

/** A model that comes with the package: what it learns, its shape, and how it likes to be sampled. */
export interface EmbeddedModel {
  readonly task: Task;
  readonly shape: DecoderShape;
  readonly generation: {
    readonly maxTokens: number;
    readonly blockSize: number;
    readonly description: string;
    /** The first is what the playground opens on. */
    readonly examplePrompts: readonly string[];
  };
}

export const embeddedModels = {
  abacus: {
    task: abacus,
    shape: decoderShape(abacus.vocabulary, usualSize),
    generation: {
      maxTokens: 48,
      blockSize: 3,
      description:
        "A toy of 0.34 M parameters that was taught one thing: sums of three to five numbers from 1 to 9. It either blurts a guess or works the sum out, each step ended by “;”; “#” stands before its answer. Some sums it works out products first, and some, as it was taught too, from left to right. It is often wrong.",
      examplePrompts: ["9*4+3-4-2=", "4+3*5+2+8=", "8+3+1*3+5=", "9-2-3="],
    },
  },
  pivot: {
    task: pivot,
    shape: decoderShape(pivot.vocabulary, usualSize),
    generation: {
      maxTokens: 20,
      blockSize: 4,
      description:
        "A toy of 0.34 M parameters that was taught one thing: where a machine with four states ends that reads six digits. It either blurts a guess or writes each digit and the state after it, by one of two tables (“a” or “b”); “#” stands before its answer. It is often wrong.",
      examplePrompts: ["482913=", "905172=", "337461="],
    },
  },
} as const satisfies Record<string, EmbeddedModel>;

export type EmbeddedModelName = keyof typeof embeddedModels;
export const embeddedModelNames = Object.keys(embeddedModels) as EmbeddedModelName[];

/** An embedded model in the size that a folder of the lab has, and its weights. */
export async function readModel(
  name: EmbeddedModelName,
  folder: string,
): Promise<{ readonly model: EmbeddedModel; readonly values: ReadonlyMap<string, Float32Array> }> {
  const file = await readFile(join(folder, "model.onnx"));
  const usual: EmbeddedModel = embeddedModels[name];
  const shape = decoderShape(usual.task.vocabulary, readSize(file));
  return { model: { ...usual, shape }, values: importOnnx(shape, file) };
}

const endText = "<eos>";
const padText = "<pad>";

const specialToken = (id: number, content: string): object => ({
  id,
  content,
  single_word: false,
  lstrip: false,
  rstrip: false,
  normalized: false,
  special: true,
});

/** A tokenizer of single characters: byte-pair encoding without merges. */
function tokenizer({ alphabet, endToken, padToken }: Vocabulary): object {
  const vocab = Object.fromEntries(
    [...Array.from(alphabet), endText, padText].map((token, id) => [token, id]),
  );
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: [specialToken(endToken, endText), specialToken(padToken, padText)],
    normalizer: null,
    pre_tokenizer: null,
    post_processor: null,
    decoder: { type: "Fuse" },
    model: {
      type: "BPE",
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab,
      merges: [],
    },
  };
}

const tokenizerConfig = ({ maxPositions }: DecoderShape): object => ({
  tokenizer_class: "PreTrainedTokenizerFast",
  eos_token: endText,
  pad_token: padText,
  model_max_length: maxPositions,
  clean_up_tokenization_spaces: false,
  // The model knows one turn: the last message is the prompt.
  // Parts are one text, without the line breaks that servers put between them: the vocabularies have none.
  chat_template:
    "{% set content = messages[-1]['content'] %}{% if content is string %}{{ content }}{% else %}" +
    "{% for part in content %}{{ part['text'] }}{% endfor %}{% endif %}",
});

/** What config.json says of a model. */
export const modelConfig = ({ shape, task: { vocabulary } }: EmbeddedModel): object => ({
  model_type: "llama",
  architectures: ["LlamaForCausalLM"],
  vocab_size: shape.vocabularySize,
  hidden_size: shape.hiddenSize,
  intermediate_size: shape.intermediateSize,
  num_hidden_layers: shape.layers,
  num_attention_heads: shape.heads,
  num_key_value_heads: shape.kvHeads,
  head_dim: shape.headDim,
  max_position_embeddings: shape.maxPositions,
  rope_theta: shape.ropeTheta,
  rms_norm_eps: shape.normEpsilon,
  eos_token_id: vocabulary.endToken,
  pad_token_id: vocabulary.padToken,
  torch_dtype: "float32",
});

const generationConfig = ({ task, generation }: EmbeddedModel): object => ({
  eos_token_id: task.vocabulary.endToken,
  pad_token_id: task.vocabulary.padToken,
  max_new_tokens: generation.maxTokens,
  metropolis: {
    alpha: 4,
    block_size: generation.blockSize,
    mcmc_steps: 10,
    description: generation.description,
    example_prompts: generation.examplePrompts,
  },
});

/** Everything that stands beside model.onnx, by file name. */
export function modelFiles(model: EmbeddedModel): ReadonlyMap<string, string> {
  const { task, shape } = model;
  const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;
  const tests = task
    .testPrompts(testSize)
    .map((prompt, index) =>
      JSON.stringify({ id: `${task.name}-${index}`, prompt, answer: task.keyOf(prompt), grader: task.name }),
    );
  return new Map([
    ["tokenizer.json", json(tokenizer(task.vocabulary))],
    ["tokenizer_config.json", json(tokenizerConfig(shape))],
    ["config.json", json(modelConfig(model))],
    ["generation_config.json", json(generationConfig(model))],
    ["test.jsonl", `${tests.join("\n")}\n`],
  ]);
}
