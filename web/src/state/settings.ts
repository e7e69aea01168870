import { computed, signal } from "@preact/signals";
import { constraintChoices } from "../../../src/client/client.ts";
import type { CompleteRequest } from "../../../src/client/client.ts";
import { model } from "./connection.ts";
import { maxTokensField, SamplerForm } from "./sampler-form.ts";
import type { Field } from "./sampler-form.ts";

export const usualSeed = "42";

export const seedField: Field = {
  name: "seed",
  label: "Seed",
  meaning: "The same seed and settings give the same answer.",
  usual: "",
  under: undefined,
  value: { type: "number", least: -Infinity, most: Infinity, isInteger: true },
};

/** What the reader has written as a prompt; undefined where nothing, and the model's example stands there. */
export const writtenPrompt = signal<string | undefined>(undefined);
/** The sampler beside the views; what else the form asks for, seed and constraint, is written there, too. */
export const form = new SamplerForm([maxTokensField]);
form.write("seed", usualSeed);
/** What answers are held to, by its field; empty for nothing. */
export const constraint = signal("");

export const examplePrompt = computed(() =>
  model.value === undefined ? "" : (model.value.example_prompts[0] ?? "Once upon a time"),
);
export const prompt = computed(() => writtenPrompt.value ?? examplePrompt.value);

/** What requests have in common whichever sampler answers: prompt, length, seed, what the answer is held to. */
export function commonRequest(): CompleteRequest {
  const chosen = constraintChoices.find(({ field }) => field === constraint.value);
  return {
    prompt: prompt.value,
    ...form.common(),
    seed: Number(form.textOf("seed")),
    ...(chosen === undefined ? {} : { structured_outputs: chosen.read(form.textOf(chosen.field)) }),
  };
}

/** The request that the form says. */
export const request = (): CompleteRequest => ({ ...commonRequest(), ...form.settings() });
