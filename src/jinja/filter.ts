import { bind } from "./bind.ts";
import type { Parameter } from "./bind.ts";
import { item } from "./attributes.ts";
import { TemplateError } from "./errors.ts";
import { textOf, numberOf, Undefined } from "./values.ts";
import type { Arguments, Value } from "./values.ts";

export type Filter = (value: Value, given: Arguments) => Value;

/** A filter with these parameters beside what it filters. */
export const takes =
  <const P extends readonly Parameter[]>(
    parameters: P,
    run: (value: Value, ...values: { [K in keyof P]: Value }) => Value,
  ): Filter =>
  (value, given) =>
    run(value, ...bind("filter", parameters, given));

export const alone = (run: (value: Value) => Value): Filter => takes([], run);

export const argumentError = (message: string): TemplateError =>
  new TemplateError("FilterArgumentError", message);

/**
 * How filters find what `attribute` names: a path of attributes and positions, `a.b.0`.
 * @param fallback for members that have no such attribute; none when there is no fallback
 */
export function getter(attribute: Value, fallback: Value = null): (of: Value) => Value {
  const path = textOf(attribute);
  const steps =
    path === undefined
      ? [attribute]
      : path.split(".").map((step) => (/^\d+$/.test(step) ? BigInt(step) : step));
  if (attribute === null) return (of) => of;
  if (path === undefined && typeof numberOf(attribute) !== "bigint")
    throw argumentError("an attribute is a str or an int");
  return (of) => {
    let found = of;
    for (const step of steps) {
      found = item(found, step);
      if (found instanceof Undefined && fallback !== null) found = fallback;
    }
    return found;
  };
}
