import { z } from "zod";
import { samplerFields } from "./registry.ts";
import type { SamplerField } from "./registry.ts";

export type Setting = number | string;

/** A field of the samplers as an option of a command. */
export interface OptionField extends SamplerField {
  readonly name: string;
  /** As in `--proposal-temperature`. */
  readonly option: string;
  /** @throws Error with what is wrong with a value that the API would refuse */
  readonly parse: (text: string) => Setting;
}

/** The fields whose values are a number or a word. */
export const optionFields: readonly OptionField[] = Object.entries<SamplerField>(samplerFields).flatMap(
  ([name, field]) => {
    const { schema } = field;
    const isNumber = schema instanceof z.ZodNumber;
    if (!isNumber && !(schema instanceof z.ZodEnum)) return [];
    const option = `--${(field.option ?? name).replaceAll("_", "-")}`;
    const parse = (text: string): Setting => {
      const value = isNumber ? Number(text.trim() || NaN) : text;
      if (Number.isNaN(value)) throw new Error(`'${text}' is no number`);
      const { data, error } = schema.safeParse(value);
      if (error !== undefined) throw new Error(error.issues[0]!.message);
      return data;
    };
    return [{ ...field, name, option, parse }];
  },
);
