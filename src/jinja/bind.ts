import { typeError } from "./errors.ts";
import { numberOf, textOf, typeName } from "./values.ts";
import type { Arguments, Value } from "./values.ts";

/** A parameter's name, with its default where it has one. */
export type Parameter = string | readonly [name: string, fallback: Value];

/** Python's binding of a call's arguments to parameters. @throws TemplateError for too many, unknown and missing ones */
export function bind<const P extends readonly Parameter[]>(
  callee: string,
  parameters: P,
  { positional, named }: Arguments,
): { [K in keyof P]: Value } {
  if (positional.length > parameters.length) {
    throw typeError(
      `${callee}() takes ${parameters.length} positional arguments but ${positional.length} were given`,
    );
  }
  const names = parameters.map((parameter) => (typeof parameter === "string" ? parameter : parameter[0]));
  for (const name of named.keys()) {
    const index = names.indexOf(name);
    if (index === -1) throw typeError(`${callee}() got an unexpected keyword argument '${name}'`);
    if (index < positional.length) throw typeError(`${callee}() got multiple values for argument '${name}'`);
  }
  const bound = parameters.map((parameter, index): Value => {
    const given = positional[index] ?? (index < positional.length ? null : named.get(names[index]!));
    if (given !== undefined) return given;
    if (typeof parameter !== "string") return parameter[1];
    throw typeError(`${callee}() missing 1 required positional argument: '${parameter}'`);
  });
  // A value for each parameter, in order: what the mapped type says and map() cannot.
  return bound as { [K in keyof P]: Value };
}

export function text(value: Value): string {
  const given = textOf(value);
  if (given === undefined) throw typeError(`a str is wanted, not ${typeName(value)}`);
  return given;
}

/** @returns an int that JavaScript counts with; one beyond that is as good as infinite */
export function integer(value: Value): number {
  const number = numberOf(value);
  if (typeof number !== "bigint")
    throw typeError(`'${typeName(value)}' object cannot be interpreted as an integer`);
  return Number(number);
}
