import type { EmbeddedModel } from "./embedded-model.ts";
import { modelConfig, modelFiles } from "./embedded-model.ts";
import { weightShapes } from "./model.ts";
import { encodeSafetensors } from "./safetensors.ts";
import type { FloatTensor } from "./safetensors.ts";
import { widenHeads } from "./widen-heads.ts";
import type { Decoder } from "./widen-heads.ts";

/** The narrowest heads that every server's kernels of attention take. */
const servedHeadDim = 64;

/** What the Llama class calls the parts of a layer. */
const layerParts: Readonly<Record<string, string>> = {
  attentionNorm: "input_layernorm",
  query: "self_attn.q_proj",
  key: "self_attn.k_proj",
  value: "self_attn.v_proj",
  output: "self_attn.o_proj",
  mlpNorm: "post_attention_layernorm",
  gate: "mlp.gate_proj",
  up: "mlp.up_proj",
  down: "mlp.down_proj",
};

/**
 * A model as a Hugging Face folder of the class LlamaForCausalLM, by file name: what vLLM, SGLang, transformers and
 * llama.cpp's converter read. Heads are of 64 columns, the model's own among zeros: the function is the same.
 * @param values the model's weights by the names that `weightShapes` has, row-major
 */
export function checkpointFiles(
  model: EmbeddedModel,
  values: ReadonlyMap<string, Float32Array>,
): ReadonlyMap<string, string | Uint8Array> {
  const { shape, values: widened } = widenHeads({ shape: model.shape, values }, servedHeadDim);
  const served = { ...model, shape };
  return new Map<string, string | Uint8Array>([
    ...modelFiles(served),
    ["config.json", `${JSON.stringify(llamaConfig(served), null, 2)}\n`],
    ["model.safetensors", encodeSafetensors(llamaTensors({ shape, values: widened }))],
  ]);
}

/** The class's defaults are said, and its first token, which these models have not. */
const llamaConfig = (model: EmbeddedModel): object => ({
  ...modelConfig(model),
  bos_token_id: null,
  hidden_act: "silu",
  attention_bias: false,
  mlp_bias: false,
  tie_word_embeddings: false,
});

/** The weights by the class's names. Its matrices multiply from the left: [out, in]; the embedding stays as it is. */
function llamaTensors({ shape, values }: Decoder): ReadonlyMap<string, FloatTensor> {
  const tensors = new Map<string, FloatTensor>();
  for (const [name, dimensions] of weightShapes(shape)) {
    const tensor = { shape: dimensions, values: values.get(name)! };
    const multiplies = dimensions.length === 2 && name !== "embedding";
    tensors.set(llamaName(name), multiplies ? transpose(tensor) : tensor);
  }
  return tensors;
}

function llamaName(name: string): string {
  if (name === "embedding") return "model.embed_tokens.weight";
  if (name === "finalNorm") return "model.norm.weight";
  if (name === "head") return "lm_head.weight";
  const [, layer, part] = name.split(".");
  return `model.layers.${layer}.${layerParts[part!]!}.weight`;
}

function transpose({ shape, values }: FloatTensor): FloatTensor {
  const [rows, columns] = [shape[0]!, shape[1]!];
  const turned = Float32Array.from(
    values,
    (_, index) => values[(index % rows) * columns + Math.floor(index / rows)]!,
  );
  return { shape: [columns, rows], values: turned };
}
