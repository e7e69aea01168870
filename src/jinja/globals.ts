import { fromKeys } from "./attributes.ts";
import { bind } from "./bind.ts";
import { TemplateError, typeError, valueError } from "./errors.ts";
import { iterate } from "./operators.ts";
import { repr, str } from "./repr.ts";
import { setMember } from "./scope.ts";
import { strftime } from "./strftime.ts";
import { Callable, Dict, Namespace, Range, numberOf, textOf, typeName } from "./values.ts";
import type { Arguments, Value } from "./values.ts";

/** The longest range that jinja2's sandbox allows. */
const longestRange = 100_000;

/** What templates can call without being given it: jinja2's own, and transformers'. */
export const globals: ReadonlyMap<string, Value> = new Map<string, Value>([
  ["range", new Callable("range", range)],
  [
    "dict",
    new Callable("dict", dict, {
      attributes: new Map([["fromkeys", () => new Callable("fromkeys", fromKeys)]]),
    }),
  ],
  ["namespace", new Callable("namespace", namespace)],
  ["cycler", new Callable("cycler", cycler)],
  ["joiner", new Callable("joiner", joiner)],
  [
    "raise_exception",
    new Callable("raise_exception", (given) => {
      const [message] = bind("raise_exception", ["message"], given);
      throw new TemplateError("TemplateError", str(message));
    }),
  ],
  [
    "strftime_now",
    new Callable("strftime_now", (given) => {
      const [format] = bind("strftime_now", ["format"], given);
      return strftime(new Date(), str(format));
    }),
  ],
]);

function range({ positional }: Arguments): Range {
  const bounds = positional.map((bound) => {
    const number = numberOf(bound);
    if (typeof number === "bigint") return number;
    throw typeError(`'${typeName(bound)}' object cannot be interpreted as an integer`);
  });
  if (bounds.length === 0 || bounds.length > 3) {
    throw typeError(`range expected 1 to 3 arguments, got ${bounds.length}`);
  }
  const [first = 0n, second, step = 1n] = bounds;
  if (step === 0n) throw valueError("range() arg 3 must not be zero");
  const made = second === undefined ? new Range(0n, first, 1n) : new Range(first, second, step);
  if (made.length > longestRange) {
    throw new TemplateError(
      "OverflowError",
      `Range too big. The sandbox blocks ranges larger than MAX_RANGE (${longestRange}).`,
    );
  }
  return made;
}

/** dict(mapping or pairs, **more) */
function dict({ positional, named }: Arguments): Dict {
  const [given] = positional;
  if (positional.length > 1) throw typeError(`dict expected at most 1 argument, got ${positional.length}`);
  const made = given instanceof Dict ? Dict.of(given.entries()) : new Dict();
  if (given !== undefined && !(given instanceof Dict)) {
    for (const pair of iterate(given)) {
      const [key, value, ...more] = Array.from(iterate(pair));
      if (key === undefined || value === undefined || more.length > 0) {
        throw valueError("dictionary update sequence element has not length 2");
      }
      made.set(key, value);
    }
  }
  for (const [key, value] of named) made.set(key, value);
  return made;
}

function namespace(given: Arguments): Namespace {
  const made = new Namespace();
  for (const [key, value] of dict(given).entries()) setMember(made, textOf(key) ?? repr(key), value);
  return made;
}

function cycler({ positional }: Arguments): Callable {
  if (positional.length === 0) throw typeError("at least one item has to be provided");
  let at = 0;
  const current = (): Value => positional[at]!;
  const next = (): Value => {
    const value = current();
    at = (at + 1) % positional.length;
    return value;
  };
  const reset = (): null => {
    at = 0;
    return null;
  };
  const attributes = new Map<string, () => Value>([
    ["current", current],
    ["next", () => new Callable("next", next)],
    ["reset", () => new Callable("reset", reset)],
  ]);
  return new Callable(
    "cycler",
    () => {
      throw typeError("'Cycler' object is not callable");
    },
    { attributes, typeName: "jinja2.utils.Cycler" },
  );
}

/** Empty when first called, the separator from then on. */
function joiner(given: Arguments): Callable {
  const [separator] = bind("joiner", [["sep", ", "]], given);
  let used = false;
  return new Callable(
    "joiner",
    () => {
      const text = used ? separator : "";
      used = true;
      return text;
    },
    { typeName: "jinja2.utils.Joiner" },
  );
}
