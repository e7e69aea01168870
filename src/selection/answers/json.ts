import { isArray, isObject } from "../../core/json-value.ts";
import type { Json } from "../../core/json-value.ts";

/** How far back values are looked for in a text that is more than one, characters; and how many brackets are tried. */
const searched = 65_536;
const maxTries = 64;

/** The text where it is JSON as a whole, else the last object or array in it; undefined where there is none. */
export function lastJson(text: string): string | undefined {
  const whole = text.trim();
  return isJson(whole) ? whole : lastValue(whole.slice(-searched));
}

/** Values one after another, from left to right; within one, nothing else is looked for. */
function lastValue(text: string): string | undefined {
  let last: string | undefined;
  let tries = 0;
  for (let at = 0; tries < maxTries && (at = nextBracket(text, at)) !== -1; at++) {
    const end = endOfValue(text, at);
    const value = end === undefined ? undefined : text.slice(at, end);
    if (value === undefined || !isJson(value)) tries++;
    else {
      last = value;
      at = end! - 1;
    }
  }
  return last;
}

function nextBracket(text: string, from: number): number {
  const found = text.slice(from).search(/[{[]/);
  return found === -1 ? -1 : from + found;
}

/** Where the bracket at `start` is closed, strings passed over; undefined where it is not. */
function endOfValue(text: string, start: number): number | undefined {
  let depth = 0;
  let isInString = false;
  for (let at = start; at < text.length; at++) {
    const character = text[at]!;
    if (isInString) {
      if (character === "\\") at++;
      else if (character === '"') isInString = false;
    } else if (character === '"') isInString = true;
    else if (character === "{" || character === "[") depth++;
    else if ((character === "}" || character === "]") && --depth === 0) return at + 1;
  }
  return undefined;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** A string, or a number outside of strings. */
const scalar = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?/gs;

/** Values that are nested deeper, or written in more characters, are compared as they are written. */
const maxDepth = 500;
const maxCanonical = 65_536;

/**
 * JSON that is equal for equal values: members in order of their names, numbers by their exact values, which
 * JSON.parse alone would round, strings by what they say.
 */
export function canonicalJson(text: string): string {
  if (text.length > maxCanonical || depthOf(text) > maxDepth) return text;
  const marked = text.replace(scalar, (found) =>
    found.startsWith('"') ? `"s${found.slice(1)}` : `"n${canonicalNumber(found)}"`,
  );
  return JSON.stringify(ordered(JSON.parse(marked) as Json));
}

/** A number of JSON as its digits, without zeros at either end, and the power of ten that they are multiplied by. */
function canonicalNumber(written: string): string {
  const [, sign = "", whole = "", fraction = "", exponent = "0"] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([-+]?\d+))?$/.exec(written) ?? [];
  const digits = (whole + fraction).replace(/^0+/, "");
  if (digits === "") return "0";
  const significant = digits.replace(/(?<!0)0+$/, "");
  const power = BigInt(exponent) - BigInt(fraction.length) + BigInt(digits.length - significant.length);
  return `${sign}${significant}e${power}`;
}

function depthOf(text: string): number {
  let [depth, deepest] = [0, 0];
  for (const [bracket] of text.replace(scalar, "").matchAll(/[[\]{}]/g)) {
    depth += bracket === "[" || bracket === "{" ? 1 : -1;
    deepest = Math.max(deepest, depth);
  }
  return deepest;
}

/** Objects as lists of pairs: an object would put names that are numbers before the others. */
function ordered(value: Json): Json {
  if (isArray(value)) return ["[", ...value.map(ordered)];
  if (!isObject(value)) return value;
  const members = Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1));
  return ["{", ...members.map(([name, member]) => [name, ordered(member)])];
}
