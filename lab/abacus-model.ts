import { alphabet, endToken, keyOf, padToken, testPrompts, testSize, vocabularySize } from "./abacus.ts";
import type { DecoderShape } from "./export-onnx.ts";

/** 0.34 M parameters. Rotary attention in ONNX Runtime wants heads of a multiple of 16. */
export const abacusShape: DecoderShape = {
  vocabularySize,
  hiddenSize: 96,
  layers: 3,
  heads: 6,
  kvHeads: 6,
  headDim: 16,
  intermediateSize: 256,
  maxPositions: 256,
  ropeTheta: 10_000,
  normEpsilon: 1e-5,
};

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
function tokenizer(): object {
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

const tokenizerConfig = {
  tokenizer_class: "PreTrainedTokenizerFast",
  eos_token: endText,
  pad_token: padText,
  model_max_length: abacusShape.maxPositions,
  clean_up_tokenization_spaces: false,
  // The model knows one turn: the last message is the sum to work out.
  chat_template: "{{ messages[-1]['content'] }}",
};

const config = {
  model_type: "llama",
  architectures: ["LlamaForCausalLM"],
  vocab_size: vocabularySize,
  hidden_size: abacusShape.hiddenSize,
  intermediate_size: abacusShape.intermediateSize,
  num_hidden_layers: abacusShape.layers,
  num_attention_heads: abacusShape.heads,
  num_key_value_heads: abacusShape.kvHeads,
  head_dim: abacusShape.headDim,
  max_position_embeddings: abacusShape.maxPositions,
  rope_theta: abacusShape.ropeTheta,
  rms_norm_eps: abacusShape.normEpsilon,
  eos_token_id: endToken,
  pad_token_id: padToken,
  torch_dtype: "float32",
};

const generationConfig = {
  eos_token_id: endToken,
  pad_token_id: padToken,
  max_new_tokens: 48,
  metropolis: { alpha: 4, block_size: 3, mcmc_steps: 10, example_prompt: "7-2*3+4=" },
};

/** Everything that stands beside model.onnx, by file name. */
export function abacusFiles(): ReadonlyMap<string, string> {
  const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;
  const tests = testPrompts(testSize).map((prompt, index) =>
    JSON.stringify({ id: `abacus-${index}`, prompt, answer: String(keyOf(prompt)), grader: "abacus" }),
  );
  return new Map([
    ["tokenizer.json", json(tokenizer())],
    ["tokenizer_config.json", json(tokenizerConfig)],
    ["config.json", json(config)],
    ["generation_config.json", json(generationConfig)],
    ["test.jsonl", `${tests.join("\n")}\n`],
  ]);
}
