import { TemplateError } from "./errors.ts";
import { argumentError, getter } from "./filter.ts";
import type { Filter } from "./filter.ts";
import { numberFilters } from "./number-filters.ts";
import { iterate, truth } from "./operators.ts";
import { str } from "./repr.ts";
import { sequenceFilters } from "./sequence-filters.ts";
import { tests } from "./tests.ts";
import { textFilters } from "./text-filters.ts";
import { Lazy } from "./values.ts";
import type { Arguments, Value } from "./values.ts";

/**
 * jinja2's filters, tojson as transformers has it. Left out: `random`, which no seed repeats, and `pprint`, `urlize`
 * and `wordwrap`, which no prompt wants.
 */
export const filters: ReadonlyMap<string, Filter> = new Map<string, Filter>([
  ...textFilters,
  ...numberFilters,
  ...sequenceFilters,
  ["map", (value, given) => new Lazy(mapped(value, given))],
  ["select", (value, given) => new Lazy(selected(value, given, { keep: true, byAttribute: false }))],
  ["reject", (value, given) => new Lazy(selected(value, given, { keep: false, byAttribute: false }))],
  ["selectattr", (value, given) => new Lazy(selected(value, given, { keep: true, byAttribute: true }))],
  ["rejectattr", (value, given) => new Lazy(selected(value, given, { keep: false, byAttribute: true }))],
]);

function* mapped(value: Value, given: Arguments): IterableIterator<Value> {
  if (!truth(value)) return;
  const map = mapping(given);
  for (const member of iterate(value)) yield map(member);
}

/** An attribute of each, or a filter on each. */
function mapping({ positional, named }: Arguments): (value: Value) => Value {
  const [name, ...rest] = positional;
  const attribute = named.get("attribute");
  if (name === undefined && attribute !== undefined) {
    const odd = [...named.keys()].find((key) => key !== "attribute" && key !== "default");
    if (odd !== undefined) throw argumentError(`Unexpected keyword argument '${odd}'`);
    return getter(attribute, named.get("default") ?? null);
  }
  if (name === undefined) throw argumentError("map requires a filter argument");
  const filter = filters.get(str(name));
  if (filter === undefined)
    throw new TemplateError("TemplateRuntimeError", `No filter named '${str(name)}'.`);
  return (value) => filter(value, { positional: rest, named });
}

function* selected(
  value: Value,
  given: Arguments,
  { keep, byAttribute }: { keep: boolean; byAttribute: boolean },
): IterableIterator<Value> {
  if (!truth(value)) return;
  const holds = condition(given, byAttribute);
  for (const member of iterate(value)) if (holds(member) === keep) yield member;
}

/** A test of each member, or of an attribute of each; its truth when no test is named. */
function condition({ positional, named }: Arguments, byAttribute: boolean): (value: Value) => boolean {
  const [attribute, ...after] = positional;
  if (byAttribute && attribute === undefined) throw argumentError("Missing parameter for attribute name");
  const get = byAttribute ? getter(attribute ?? null) : (value: Value): Value => value;
  const [name, ...rest] = byAttribute ? after : positional;
  if (name === undefined) return (value) => truth(get(value));
  const test = tests.get(str(name));
  if (test === undefined) throw new TemplateError("TemplateRuntimeError", `No test named '${str(name)}'.`);
  return (value) => test(get(value), { positional: rest, named });
}
