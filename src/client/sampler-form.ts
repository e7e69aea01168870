import { z } from "zod";
import { samplerFields, samplerNames, samplers } from "../samplers/registry.ts";
import type { FieldName, SamplerField, SamplerName } from "../samplers/registry.ts";

/** A sampler as a form offers it. */
export interface SamplerChoice {
  readonly name: SamplerName;
  readonly label: string;
  /** How it chooses tokens. */
  readonly summary: string;
  /** Whether it rewrites whole completions step by step, so that there is a chain to watch. */
  readonly isChain: boolean;
  /** All fields that mean something to it, those without a control too. */
  readonly fields: readonly string[];
}

/** A request's field as a form asks for it. */
export interface FieldControl {
  readonly name: FieldName;
  readonly label: string;
  /** What it does. */
  readonly meaning: string;
  /** The default where it is left empty, in words. */
  readonly usual: string;
  /** The field of the sampler, and its value, without which it means nothing. */
  readonly under: readonly [field: string, value: string] | undefined;
  /** The samplers that it means something to. */
  readonly users: readonly SamplerName[];
  readonly value:
    | { readonly type: "number"; readonly least: number; readonly most: number; readonly isInteger: boolean }
    | { readonly type: "word"; readonly words: readonly string[] };
}

export const samplerChoices: readonly SamplerChoice[] = samplerNames.map((name) => {
  const { label, summary, fields, isChain = false } = samplers[name];
  return { name, label, summary, isChain, fields: Object.keys(fields) };
});

/** Controls of the fields that have a label. */
export const fieldControls: readonly FieldControl[] = Object.entries<SamplerField>(samplerFields).flatMap(
  ([name, { schema, label, meaning, usual, under, users }]) => {
    const value = valueOf(schema);
    if (label === undefined || value === undefined) return [];
    return [{ name: name as FieldName, label, meaning, usual, under, users, value }];
  },
);

function valueOf(schema: z.ZodType): FieldControl["value"] | undefined {
  if (schema instanceof z.ZodEnum) return { type: "word", words: schema.options.map(String) };
  if (!(schema instanceof z.ZodNumber)) return undefined;
  const { minValue, maxValue, format } = schema;
  return {
    type: "number",
    least: minValue ?? -Infinity,
    most: maxValue ?? Infinity,
    isInteger: format?.includes("int") === true,
  };
}
