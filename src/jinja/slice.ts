import { codePoints } from "./code-points.ts";
import { typeError, valueError } from "./errors.ts";
import { defined } from "./operators.ts";
import { Range, Tuple, numberOf, textOf, typeName } from "./values.ts";
import type { Value } from "./values.ts";

/** Python's x[start:stop:step] on text, lists, tuples and ranges. */
export function slice(sequence: Value, start: Value, stop: Value, step: Value): Value {
  const text = textOf(defined(sequence));
  if (text !== undefined) {
    const characters = codePoints(text);
    if (typeof characters === "string" && step === null) {
      return text.slice(
        clamp(start, text.length, 0),
        Math.max(clamp(start, text.length, 0), clamp(stop, text.length, text.length)),
      );
    }
    return picked(characters, [start, stop, step]).join("");
  }
  if (Array.isArray(sequence)) return picked(sequence, [start, stop, step]);
  if (sequence instanceof Tuple) return new Tuple(picked(sequence.items, [start, stop, step]));
  if (sequence instanceof Range) return cut(sequence, [start, stop, step]);
  throw typeError(`'${typeName(sequence)}' object is not subscriptable`);
}

/** A range of a range. */
function cut(range: Range, [start = null, stop = null, step = null]: readonly Value[]): Range {
  const stride = step === null ? 1 : bound(step);
  if (stride === 0) throw valueError("slice step cannot be zero");
  const [first, end] = ends(range.length, { start, stop, backwards: stride < 0 });
  return new Range(range.at(first), range.at(end), range.step * BigInt(stride));
}

function ends(
  size: number,
  { start, stop, backwards }: { start: Value; stop: Value; backwards: boolean },
): readonly [number, number] {
  return [
    clamp(start, size, backwards ? size - 1 : 0, backwards),
    clamp(stop, size, backwards ? -1 : size, backwards),
  ];
}

function picked<T>(sequence: ArrayLike<T>, [start = null, stop = null, step = null]: readonly Value[]): T[] {
  const stride = step === null ? 1 : bound(step);
  if (stride === 0) throw valueError("slice step cannot be zero");
  const backwards = stride < 0;
  const [first, end] = ends(sequence.length, { start, stop, backwards });
  const chosen: T[] = [];
  for (let at = first; backwards ? at > end : at < end; at += stride) chosen.push(sequence[at]!);
  return chosen;
}

/** A bound of a slice as an index: from the end when negative, within the sequence. */
export function clamp(given: Value, size: number, fallback: number, backwards = false): number {
  if (given === null) return fallback;
  const index = bound(given);
  const fromStart = index < 0 ? index + size : index;
  return Math.min(Math.max(fromStart, backwards ? -1 : 0), backwards ? size - 1 : size);
}

function bound(value: Value): number {
  const index = numberOf(defined(value));
  if (typeof index !== "bigint") {
    throw typeError("slice indices must be integers or None or have an __index__ method");
  }
  return Number(index);
}
