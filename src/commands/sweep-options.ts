import { Option } from "commander";
import type { Sweeps } from "../evaluation/configurations.ts";
import { optionFields } from "../samplers/option-fields.ts";
import type { Setting } from "../samplers/option-fields.ts";
import { argument, listOf } from "./options.ts";

export interface SweepOption {
  readonly field: string;
  readonly option: Option;
}

/**
 * An option for each field of the samplers that can be swept, with the field's name.
 * @param usual what stands for its values where it is left out, in words
 */
export const sweepOptions = (usual = "the model's"): readonly SweepOption[] =>
  optionFields.map(({ name, option, users, meaning, parse }) => ({
    field: name,
    option: new Option(`${option} <values>`, `${users.join(", ")}: ${meaning} Values, separated by commas.`)
      .argParser(listOf(argument(parse)))
      .default([], usual),
  }));

/** The values that were given, by field. */
export const sweepsOf = (
  settings: Readonly<Record<string, unknown>>,
  options: readonly SweepOption[],
): Sweeps =>
  Object.fromEntries(
    options.map(({ field, option }) => [field, settings[option.attributeName()] as readonly Setting[]]),
  );
