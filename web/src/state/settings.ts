import { computed, signal } from "@preact/signals";
import { constraintChoices, fieldControls, samplerChoices, usualValues } from "../../../src/client/client.ts";
import type { CompleteRequest, FieldControl } from "../../../src/client/client.ts";
import { model } from "./connection.ts";

export type Sampler = NonNullable<CompleteRequest["sampler"]>;
/** A sampler with its fields. */
export type SamplerSettings = Partial<CompleteRequest> & { readonly sampler: Sampler };
/** Fields as they are written, by the names of the API; what is left out, or empty, is the server's to choose. */
export type Written = Readonly<Record<string, string>>;

export const usualSeed = "42";

/** What the reader has written as a prompt; undefined where nothing, and the model's example stands there. */
export const writtenPrompt = signal<string | undefined>(undefined);
export const sampler = signal<Sampler>(samplerChoices[0]!.name);
export const written = signal<Written>({ seed: usualSeed });
/** What answers are held to, by its field; empty for nothing. */
export const constraint = signal("");

export const examplePrompt = computed(() =>
  model.value === undefined ? "" : (model.value.example_prompts[0] ?? "Once upon a time"),
);
export const prompt = computed(() => writtenPrompt.value ?? examplePrompt.value);

export function write(name: string, text: string): void {
  written.value = { ...written.value, [name]: text };
}

const textOf = (name: string): string => written.value[name] ?? "";

const usedBy = (name: Sampler): FieldControl[] => fieldControls.filter(({ users }) => users.includes(name));

/** The fields of the sampler that mean something beside what is written. */
export const shownFields = computed(() =>
  usedBy(sampler.value).filter(({ under }) => {
    if (under === undefined) return true;
    const [choice, value] = under;
    return (textOf(choice) || usualOf(choice)) === value;
  }),
);

/** What a field of the sampler comes to where nothing is written in it, given what is in the others. */
export function usualOf(name: string): number | string | undefined {
  if (model.value === undefined) return undefined;
  // What stands in a control that is not shown decides nothing.
  const others = usedBy(sampler.value).filter(
    (field) =>
      field.name !== name && (field.under === undefined || textOf(field.under[0]) === field.under[1]),
  );
  const given = { ...valuesOf(others), ...(name === "max_tokens" ? {} : maxTokens()) };
  return usualValues(sampler.value, given, model.value.defaults)[name];
}

/** What is written of some fields, as a request has it. */
const valuesOf = (fields: readonly FieldControl[]): Record<string, unknown> =>
  Object.fromEntries(
    fields
      .map(({ name, value: { type } }) => [name, type, textOf(name)] as const)
      .filter(([, , text]) => text !== "")
      .map(([name, type, text]) => [name, type === "number" ? Number(text) : text]),
  );

const maxTokens = (): { max_tokens?: number } =>
  textOf("max_tokens") === "" ? {} : { max_tokens: Number(textOf("max_tokens")) };

/** The sampler as it is set: its fields alone. */
export const samplerSettings = (): SamplerSettings => ({
  sampler: sampler.value,
  ...valuesOf(shownFields.value),
});

/** What requests have in common whichever sampler answers: prompt, length, seed, what the answer is held to. */
export function commonRequest(): CompleteRequest {
  const chosen = constraintChoices.find(({ field }) => field === constraint.value);
  return {
    prompt: prompt.value,
    ...maxTokens(),
    seed: Number(textOf("seed")),
    ...(chosen === undefined ? {} : { structured_outputs: chosen.read(textOf(chosen.field)) }),
  };
}

/** The request that the form says. */
export const request = (): CompleteRequest => ({ ...commonRequest(), ...samplerSettings() });
