import { InvalidArgumentError, Option } from "commander";
import { dtypes } from "../hub/graph-choice.ts";
import { int4Computes } from "../engine/onnx/graphs/matmul-compute.ts";
import { devices } from "../engine/onnx/ort/device-memory.ts";
import { usualEngine } from "../assembly/engine-settings.ts";
import { seed } from "../server/schemas/seed.ts";

/** An option that is also read from the environment: --log-level from METROPOLIS_LOG_LEVEL, and so on. */
export function option(flags: string, description: string): Option {
  const name = /--(?:no-)?([a-z0-9-]+)/.exec(flags)![1]!;
  return new Option(flags, description).env(`METROPOLIS_${name.replaceAll("-", "_").toUpperCase()}`);
}

/** Gathers a repeatable option; the environment gives several separated by commas. */
export const collect = (value: string, previous: readonly string[] = []): string[] => [
  ...previous,
  ...value.split(","),
];

/** The same with each value parsed by a function that throws an Error for one that will not do. */
export const collectEach =
  (parse: (text: string) => string) =>
  (value: string, previous: readonly string[] = []): string[] => [
    ...previous,
    ...value.split(",").map((part) => argument(parse)(part.trim())),
  ];

export function integerFrom(low: number, high = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (Number.isInteger(value) && value >= low && value <= high) return value;
    const range = high === Number.MAX_SAFE_INTEGER ? `of at least ${low}` : `from ${low} to ${high}`;
    throw new InvalidArgumentError(`It must be a whole number ${range}.`);
  };
}

/** A seed of 64 bits, as the API takes it: the text of its digits where a number would not hold them. */
export function seedFrom(text: string): number | string {
  const value = Number(text);
  if (text.trim() !== "" && Number.isSafeInteger(value)) return value;
  if (seed.safeParse(text).success) return text;
  throw new InvalidArgumentError("It must be a whole number of 64 bits.");
}

export function numberFrom(low: number, high: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== "" && value >= low && value <= high) return value;
    throw new InvalidArgumentError(`It must be a number from ${low} to ${high}.`);
  };
}

/** What several commands ask of a model and the engine under it. */
export const modelOptions = {
  model: () =>
    option("--model <folder|id>", "folder with a model's files, or a Hugging Face id").default(
      usualEngine.model,
      "the embedded abacus",
    ),
  dtype: () =>
    option("--dtype <format>", "format of the weights, where a model comes in several").choices(dtypes),
  device: () =>
    option("--device <name>", "where the model runs").choices(devices).default(usualEngine.device),
  int4Compute: () =>
    option(
      "--int4-compute <type>",
      "what products with block-quantized weights are computed in: int8 is faster, fp32 gives steadier log-probs; what the model's file states when left out",
    ).choices(int4Computes),
  threads: () =>
    option(
      "--threads <n>",
      "native threads of one forward pass; by the cores that the process may use when left out",
    )
      .argParser(integerFrom(1))
      .default(usualEngine.threads),
  mapWeights: () =>
    option(
      "--map-weights",
      "map weight files instead of reading them: less memory while loading; they must not be written to",
    ).default(usualEngine.mapWeights),
  lanes: () =>
    option(
      "--lanes <n>",
      "sequences in the live cache at once; 16 when left out, fewer where memory is short",
    )
      .argParser(integerFrom(1))
      .default(usualEngine.lanes),
  context: () =>
    option(
      "--context <tokens>",
      "tokens per lane; all of the model's when left out, fewer where memory is short",
    )
      .argParser(integerFrom(2))
      .default(usualEngine.context),
} as const;

export const listOf =
  <Value>(parse: (text: string) => Value) =>
  (text: string): Value[] =>
    text.split(",").map((part) => parse(part.trim()));

/** A parser that says what is wrong with a value by any error, as one that commander shows in a line. */
export const argument =
  <Value>(parse: (text: string) => Value) =>
  (text: string): Value => {
    try {
      return parse(text);
    } catch (error) {
      throw new InvalidArgumentError(`${(error as Error).message}.`);
    }
  };

export const oneOf =
  <Name extends string>(names: readonly Name[]) =>
  (text: string): Name => {
    const found = names.find((name) => name === text);
    if (found !== undefined) return found;
    throw new InvalidArgumentError(`'${text}' is none of ${names.join(", ")}.`);
  };
