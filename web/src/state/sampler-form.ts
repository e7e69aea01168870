import { computed, signal } from "@preact/signals";
import type { Signal } from "@preact/signals";
import { fieldControls, samplerChoices, usualValues } from "../../../src/client/client.ts";
import type { CompleteRequest, FieldControl } from "../../../src/client/client.ts";
import { model } from "./connection.ts";

export type Sampler = NonNullable<CompleteRequest["sampler"]>;
/** A sampler with its fields. */
export type SamplerSettings = Partial<Pick<CompleteRequest, FieldControl["name"]>> & {
  readonly sampler: Sampler;
};
/** Fields as they are written, by the names of the API; what is left out, or empty, is the server's to choose. */
export type Written = Readonly<Record<string, string>>;
/** A field as a form asks for it. */
export type Field = Omit<FieldControl, "name" | "users"> & { readonly name: string };

/** A field that all samplers have. */
export interface CommonField extends Field {
  /** What it comes to where nothing is written in it; the model's choice when left out. */
  readonly fallback?: number;
}

export const maxTokensField: CommonField = {
  name: "max_tokens",
  label: "Max tokens",
  meaning: "Most tokens of an answer.",
  usual: "",
  under: undefined,
  value: { type: "number", least: 1, most: Infinity, isInteger: true },
};

/** As many as the API draws for one prompt. */
export const mostAnswers = 128;

/** Whether a text could have been written into a field's control: links may say anything. */
export const isWritable = ({ value }: Pick<Field, "value">, text: string): boolean =>
  value.type === "word" ? value.words.includes(text) : text.trim() !== "" && Number.isFinite(Number(text));

/** The samplers of the API. */
const allSamplers = samplerChoices.map(({ name }) => name);

const usedBy = (sampler: Sampler): FieldControl[] =>
  fieldControls.filter(({ users }) => users.includes(sampler));

/** A sampler as somebody sets it: which one, and what is written in its fields. */
export class SamplerForm {
  readonly sampler: Signal<Sampler>;
  readonly written = signal<Written>({});
  readonly commonFields: readonly CommonField[];
  /** Those that may be chosen, the usual one first. */
  readonly samplers: readonly Sampler[];
  /** The fields of the sampler that mean something beside what is written. */
  readonly shownFields = computed(() =>
    usedBy(this.sampler.value).filter(({ under }) => {
      if (under === undefined) return true;
      const [choice, value] = under;
      return (this.textOf(choice) || this.usualOf(choice)) === value;
    }),
  );

  constructor(commonFields: readonly CommonField[], samplers: readonly Sampler[] = allSamplers) {
    this.commonFields = commonFields;
    this.samplers = samplers;
    this.sampler = signal(samplers[0]!);
  }

  /** What differs from a form that nobody has touched, by name. */
  entries(): [name: string, text: string][] {
    const { value: sampler } = this.sampler;
    const fields = [...this.shownFields.value, ...this.commonFields]
      .map(({ name }): [string, string] => [name, this.textOf(name)])
      .filter(([, text]) => text !== "");
    return sampler === this.samplers[0] ? fields : [["sampler", sampler], ...fields];
  }

  /** Sets all by what somebody else may have written: what is no field's is left out, what is not there is as usual. */
  read(textOf: (name: string) => string | null): void {
    this.sampler.value = this.samplers.find((name) => name === textOf("sampler")) ?? this.samplers[0]!;
    const texts = [...fieldControls, ...this.commonFields].flatMap((field) => {
      const text = textOf(field.name);
      return text !== null && isWritable(field, text) ? [[field.name, text]] : [];
    });
    this.written.value = Object.fromEntries(texts) as Written;
  }

  write(name: string, text: string): void {
    this.written.value = { ...this.written.value, [name]: text };
  }

  textOf(name: string): string {
    return this.written.value[name] ?? "";
  }

  /** What a field comes to where nothing is written in it, given what is in the others. */
  usualOf(name: string): number | string | undefined {
    const own = this.commonFields.find((field) => field.name === name);
    if (own?.fallback !== undefined) return own.fallback;
    if (model.value === undefined) return undefined;
    // What stands in a control that is not shown decides nothing.
    const others = usedBy(this.sampler.value).filter(
      (field) =>
        field.name !== name && (field.under === undefined || this.textOf(field.under[0]) === field.under[1]),
    );
    const given = { ...this.#valuesOf(others), ...(own === undefined ? this.common() : {}) };
    return usualValues(this.sampler.value, given, model.value.defaults)[name];
  }

  /** Whether more of anything that is counted, tokens, steps or tries, is written than usual. */
  asksForMore(): boolean {
    return [...this.shownFields.value, ...this.commonFields].some(
      ({ name, value }) =>
        value.type === "number" &&
        value.isInteger &&
        Number(this.textOf(name)) > Number(this.usualOf(name) ?? Infinity),
    );
  }

  /** The sampler as it is set: its fields alone. */
  settings(): SamplerSettings {
    return { sampler: this.sampler.value, ...this.#valuesOf(this.shownFields.value) };
  }

  /** What is set beside them. */
  common(): Readonly<Record<string, unknown>> {
    const fallbacks = this.commonFields
      .filter(({ fallback }) => fallback !== undefined)
      .map(({ name, fallback }) => [name, fallback] as const);
    return { ...Object.fromEntries(fallbacks), ...this.#valuesOf(this.commonFields) };
  }

  /** What is written of some fields, as a request has it. */
  #valuesOf(fields: readonly Field[]): Record<string, unknown> {
    return Object.fromEntries(
      fields
        .map(({ name, value: { type } }) => [name, type, this.textOf(name)] as const)
        .filter(([, , text]) => text !== "")
        .map(([name, type, text]) => [name, type === "number" ? Number(text) : text]),
    );
  }
}
