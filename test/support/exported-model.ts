import { cpSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { join } from "node:path";

const fixtures = fileURLToPath(new URL("../fixtures", import.meta.url));

/** Tiny models of the real exporters, by name; test/fixtures/make_models.py made them. */
export const exportedModels = [
  "builder-llama-fp32",
  "builder-llama-fp16",
  "builder-llama-int8",
  "builder-qwen2-int4",
  "builder-mistral-fp32",
  "optimum-llama-fp32",
  "optimum-qwen2-fp16",
  "optimum-qwen2-int8",
  "optimum-mistral-fp32",
] as const;
export type ExportedModel = (typeof exportedModels)[number];

export const graphOf = (name: ExportedModel): string => join(fixtures, "models", name, "model.onnx");

/** A text and the exporter's own logits [ids.length, vocabulary] after each of its tokens. */
export function referenceOf(name: ExportedModel): {
  ids: number[];
  logitsAfter: (index: number) => Float32Array;
} {
  const json = readFileSync(join(fixtures, "models", name, "reference.json"), "utf8");
  const { ids, logits } = JSON.parse(json) as { ids: number[]; logits: string };
  const bytes = Uint8Array.from(Buffer.from(logits, "base64"));
  const all = new Float32Array(bytes.buffer);
  const size = all.length / ids.length;
  return { ids, logitsAfter: (index) => all.subarray(index * size, (index + 1) * size) };
}

/**
 * Largest |logit − reference| that rounding explains. Half precision is compared with float32 weights. The builder's
 * int8 graph rounds activations to 8 bits, and processors without VNNI sum them by other instructions than the
 * reference's.
 */
const tolerances: Partial<Record<ExportedModel, number>> = {
  "builder-llama-fp16": 0.06,
  "optimum-qwen2-fp16": 0.06,
  "builder-llama-int8": 0.03,
};
export const toleranceOf = (name: ExportedModel): number => tolerances[name] ?? 1e-3;

/** Puts a model and the tokenizer it was made for into `folder`. */
export function layOutModel(name: ExportedModel, folder: string): void {
  cpSync(join(fixtures, "models", name), folder, { recursive: true });
  const tokenizer = name.includes("qwen2") ? "qwen2" : "llama3";
  for (const file of ["tokenizer.json", "tokenizer_config.json"]) {
    cpSync(join(fixtures, "tokenizers", tokenizer, file), join(folder, file));
  }
}
