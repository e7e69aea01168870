import { InvalidArgumentError, Option } from "commander";

/** An option that the environment can give too: --log-level as METROPOLIS_LOG_LEVEL. */
export function option(flags: string, description: string): Option {
  const name = /--(?:no-)?([a-z-]+)/.exec(flags)![1]!;
  return new Option(flags, description).env(`METROPOLIS_${name.replaceAll("-", "_").toUpperCase()}`);
}

/** Gathers a repeatable option; the environment gives several separated by commas. */
export const collect = (value: string, previous: readonly string[] = []): string[] => [
  ...previous,
  ...value.split(","),
];

export function integerFrom(low: number, high = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (Number.isInteger(value) && value >= low && value <= high) return value;
    const range = high === Number.MAX_SAFE_INTEGER ? `of at least ${low}` : `from ${low} to ${high}`;
    throw new InvalidArgumentError(`It must be a whole number ${range}.`);
  };
}

export function numberFrom(low: number, high: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== "" && value >= low && value <= high) return value;
    throw new InvalidArgumentError(`It must be a number from ${low} to ${high}.`);
  };
}
