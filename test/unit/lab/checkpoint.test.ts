import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { checkpointCommand } from "../../../lab/checkpoint-command.ts";
import { checkpointFiles } from "../../../lab/checkpoint.ts";
import { complete } from "../../../lab/complete.ts";
import { embeddedModelNames, embeddedModels, modelConfig } from "../../../lab/embedded-model.ts";
import type { DecoderShape } from "../../../lab/export-onnx.ts";
import { importOnnx } from "../../../lab/import-onnx.ts";
import { initialValues } from "../../../lab/model.ts";
import { encodeSafetensors } from "../../../lab/safetensors.ts";
import { Stream } from "../../../lab/stream.ts";
import { widenHeads } from "../../../lab/widen-heads.ts";
import { createEmbedded } from "../../support/embedded.ts";
import { referenceLogits } from "./reference-model.ts";

interface Entry {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data_offsets: readonly [number, number];
}

/** The tensors of a safetensors file, as its format has them. */
function decode(file: Uint8Array): Map<string, { shape: readonly number[]; values: Float32Array }> {
  const start = 8 + Number(Buffer.from(file).readBigUInt64LE());
  expect(start % 8).toBe(0);
  const header = JSON.parse(Buffer.from(file.subarray(8, start)).toString()) as Record<string, Entry>;
  const tensors = new Map<string, { shape: readonly number[]; values: Float32Array }>();
  let end = 0;
  for (const [name, { dtype, shape, data_offsets }] of Object.entries(header)) {
    if (name === "__metadata__") continue;
    expect(dtype).toBe("F32");
    // Readers refuse holes and overlaps.
    expect(data_offsets[0]).toBe(end);
    end = data_offsets[1];
    const bytes = Uint8Array.from(file.subarray(start + data_offsets[0], start + end));
    tensors.set(name, { shape, values: new Float32Array(bytes.buffer) });
  }
  expect(file.length).toBe(start + end);
  return tensors;
}

/** y = x Wᵀ, as the Llama class multiplies by [out, in]; the reference multiplies by [in, out]. */
function turned({ shape, values }: { shape: readonly number[]; values: Float32Array }): Float32Array {
  const [outputs, inputs] = [shape[0]!, shape[1]!];
  const result = new Float32Array(values.length);
  for (let out = 0; out < outputs; out++)
    for (let input = 0; input < inputs; input++)
      result[input * outputs + out] = values[out * inputs + input]!;
  return result;
}

/** The weights of a checkpoint by the names that the reference knows. */
function valuesOf(tensors: ReturnType<typeof decode>, layers: number): Map<string, Float32Array> {
  const matrix = (name: string): Float32Array => turned(tensors.get(`${name}.weight`)!);
  const plain = (name: string): Float32Array => tensors.get(`${name}.weight`)!.values;
  const values = new Map([
    ["embedding", plain("model.embed_tokens")],
    ["finalNorm", plain("model.norm")],
    ["head", matrix("lm_head")],
  ]);
  for (let layer = 0; layer < layers; layer++) {
    const theirs = `model.layers.${layer}`;
    values.set(`layers.${layer}.attentionNorm`, plain(`${theirs}.input_layernorm`));
    values.set(`layers.${layer}.mlpNorm`, plain(`${theirs}.post_attention_layernorm`));
    for (const [part, name] of [
      ["query", "self_attn.q_proj"],
      ["key", "self_attn.k_proj"],
      ["value", "self_attn.v_proj"],
      ["output", "self_attn.o_proj"],
      ["gate", "mlp.gate_proj"],
      ["up", "mlp.up_proj"],
      ["down", "mlp.down_proj"],
    ] as const)
      values.set(`layers.${layer}.${part}`, matrix(`${theirs}.${name}`));
  }
  return values;
}

const filesOf = async (name: (typeof embeddedModelNames)[number]) => {
  const model = embeddedModels[name];
  const values = importOnnx(model.shape, await readFile(`models/${name}/model.onnx`));
  return checkpointFiles(model, values);
};

describe("a checkpoint", () => {
  it.each(embeddedModelNames)(
    "of %s gives the engine's log-probs, read as the Llama class reads it",
    async (name) => {
      const files = await filesOf(name);
      const config = JSON.parse(files.get("config.json") as string) as Record<
        string,
        number | boolean | null
      >;
      expect(config).toMatchObject({
        head_dim: 64,
        hidden_act: "silu",
        bos_token_id: null,
        attention_bias: false,
        mlp_bias: false,
        tie_word_embeddings: false,
      });
      const shape: DecoderShape = {
        vocabularySize: Number(config.vocab_size),
        hiddenSize: Number(config.hidden_size),
        layers: Number(config.num_hidden_layers),
        heads: Number(config.num_attention_heads),
        kvHeads: Number(config.num_key_value_heads),
        headDim: Number(config.head_dim),
        intermediateSize: Number(config.intermediate_size),
        maxPositions: Number(config.max_position_embeddings),
        ropeTheta: Number(config.rope_theta),
        normEpsilon: Number(config.rms_norm_eps),
      };
      const values = valuesOf(decode(files.get("model.safetensors") as Uint8Array), shape.layers);
      await using completer = await createEmbedded({ model: `models/${name}` });
      const { task } = embeddedModels[name];
      for (const text of task.testPrompts(3)) {
        const prompt = task.vocabulary.encode(text);
        const { tokens } = await complete(completer, {
          prompt,
          settings: { sampler: "greedy" },
          maxTokens: 6,
          seed: 0,
          choice: 0,
          topCount: shape.vocabularySize,
        });
        const ids = [...prompt, ...tokens.map(({ token }) => token)];
        const logits = referenceLogits(shape, values, ids);
        for (const [index, { top }] of tokens.entries()) {
          const row = logits[prompt.length - 1 + index]!;
          const total = Math.log(row.reduce((sum, logit) => sum + Math.exp(logit), 0));
          for (const [rank, id] of top!.ids.entries())
            expect(Math.abs(top!.logprobs[rank]! - (row[id]! - total))).toBeLessThan(1e-5);
        }
      }
    },
  );

  it.each(embeddedModelNames)(
    "of %s has every weight once, in its shape, and the model's own tokenizer",
    async (name) => {
      const files = await filesOf(name);
      expect([...files.keys()].sort()).toEqual([
        "config.json",
        "generation_config.json",
        "model.safetensors",
        "test.jsonl",
        "tokenizer.json",
        "tokenizer_config.json",
      ]);
      for (const file of ["tokenizer.json", "tokenizer_config.json", "generation_config.json"])
        expect(files.get(file)).toBe(await readFile(`models/${name}/${file}`, "utf8"));
      const tensors = decode(files.get("model.safetensors") as Uint8Array);
      const { vocabularySize, hiddenSize, layers, heads, intermediateSize } = embeddedModels[name].shape;
      const shapes: Record<string, number[]> = {
        "model.embed_tokens": [vocabularySize, hiddenSize],
        "model.norm": [hiddenSize],
        lm_head: [vocabularySize, hiddenSize],
      };
      for (let layer = 0; layer < layers; layer++) {
        shapes[`model.layers.${layer}.input_layernorm`] = [hiddenSize];
        shapes[`model.layers.${layer}.post_attention_layernorm`] = [hiddenSize];
        for (const part of ["q", "k", "v"])
          shapes[`model.layers.${layer}.self_attn.${part}_proj`] = [heads * 64, hiddenSize];
        shapes[`model.layers.${layer}.self_attn.o_proj`] = [hiddenSize, heads * 64];
        for (const part of ["gate", "up"])
          shapes[`model.layers.${layer}.mlp.${part}_proj`] = [intermediateSize, hiddenSize];
        shapes[`model.layers.${layer}.mlp.down_proj`] = [hiddenSize, intermediateSize];
      }
      const found = Object.fromEntries(
        [...tensors].map(([key, { shape }]) => [key.replace(/\.weight$/, ""), shape]),
      );
      expect(found).toEqual(shapes);
    },
  );

  it("leaves the model's own configuration as it is", async () => {
    for (const name of embeddedModelNames) {
      const config: unknown = JSON.parse(await readFile(`models/${name}/config.json`, "utf8"));
      expect(modelConfig(embeddedModels[name])).toEqual(config);
    }
  });
});

describe("wider heads", () => {
  const shape: DecoderShape = {
    vocabularySize: 7,
    hiddenSize: 20,
    layers: 2,
    heads: 3,
    kvHeads: 3,
    headDim: 8,
    intermediateSize: 24,
    maxPositions: 32,
    ropeTheta: 500,
    normEpsilon: 1e-3,
  };
  const values = initialValues(shape, new Stream(3));
  const ids = [1, 4, 2, 6, 0, 3, 5, 2, 2, 4];

  it.each([
    [8, 1e-12],
    [16, 1e-5],
    [24, 1e-5],
    [32, 1e-12],
  ])("of %i columns compute the same", (headDim, tolerance) => {
    const wider = widenHeads({ shape, values }, headDim);
    expect(wider.shape).toEqual({ ...shape, headDim });
    const expected = referenceLogits(shape, values, ids).flat();
    for (const [index, logit] of referenceLogits(wider.shape, wider.values, ids).flat().entries())
      expect(Math.abs(logit - expected[index]!)).toBeLessThan(tolerance);
  });

  it("are a multiple of the narrow ones", () => {
    expect(() => widenHeads({ shape, values }, 12)).toThrow("12 is no multiple of 8");
  });
});

describe("the safetensors format", () => {
  it("keeps names, shapes and every bit", () => {
    const tensors = new Map([
      ["a", { shape: [2, 3], values: Float32Array.of(0, -0, 1.1, -3e38, 1e-45, Infinity) }],
      ["größe", { shape: [1], values: Float32Array.of(7) }],
      ["none", { shape: [0, 4], values: new Float32Array() }],
    ]);
    expect(decode(encodeSafetensors(tensors))).toEqual(tensors);
  });

  it("refuses values of another number than the shape has", () => {
    const tensors = new Map([["a", { shape: [2, 3], values: new Float32Array(5) }]]);
    expect(() => encodeSafetensors(tensors)).toThrow("a has 5 values, not those of [2, 3]");
  });
});

describe("lab checkpoint", () => {
  let folder: string;
  beforeEach(async () => {
    vi.spyOn(console, "log").mockReturnValue(undefined);
    folder = await mkdtemp(join(tmpdir(), "checkpoint-"));
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    await rm(folder, { recursive: true });
  });
  const run = async (...args: string[]): Promise<void> => {
    checkpointCommand.exitOverride().configureOutput({ writeErr: () => undefined });
    await checkpointCommand.parseAsync(args, { from: "user" });
  };

  it("writes into a folder that is not there yet, or is empty", async () => {
    for (const out of [join(folder, "new", "deep"), join(folder, "empty")]) {
      if (out.endsWith("empty")) await mkdir(out);
      await run("abacus", "--out", out);
      expect((await readdir(out)).sort()).toEqual([...(await filesOf("abacus")).keys()].sort());
      expect(decode(await readFile(join(out, "model.safetensors"))).size).toBe(30);
    }
  });

  it("refuses a folder that holds something, and leaves it as it was", async () => {
    await writeFile(join(folder, "config.json"), "{}");
    await expect(run("abacus", "--out", folder)).rejects.toThrow(
      `--out ${folder} is not empty. Name an empty`,
    );
    expect(await readdir(folder)).toEqual(["config.json"]);
  });

  it("refuses a place where no folder can be", async () => {
    const file = join(folder, "file");
    await writeFile(file, "");
    await expect(run("abacus", "--out", file)).rejects.toThrow(
      `--out ${file} cannot be written: a file stands`,
    );
    await expect(run("abacus", "--out", join(file, "below"))).rejects.toThrow("cannot be written");
  });

  it("refuses a model that is none, before anything is made", async () => {
    const out = join(folder, "out");
    await expect(run("abakus", "--out", out)).rejects.toThrow("Allowed choices are abacus, pivot");
    await expect(run("abacus", "--out", out, "--folder", "models/pivot")).rejects.toThrow(
      "weight embedding is [16, 96], not [18, 96]. Name a folder of this model",
    );
    await expect(run("abacus", "--out", out, "--folder", folder)).rejects.toThrow("model.onnx");
    await writeFile(join(folder, "model.onnx"), "no graph");
    await expect(run("abacus", "--out", out, "--folder", folder)).rejects.toThrow(
      "the file is no ONNX graph",
    );
    expect(await readdir(folder)).toEqual(["model.onnx"]);
  });
});
