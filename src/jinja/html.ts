import { str } from "./repr.ts";
import { Markup } from "./values.ts";
import type { Value } from "./values.ts";

const entities: ReadonlyMap<string, string> = new Map([
  ["&", "&amp;"],
  ["<", "&lt;"],
  [">", "&gt;"],
  ["'", "&#39;"],
  ['"', "&#34;"],
]);

/** Text for HTML; markup stays as it is. */
export function escaped(value: Value): string {
  return value instanceof Markup ? value.text : escapedText(str(value));
}

export function escapedText(text: string): string {
  return text.replace(/[&<>'"]/g, (character) => entities.get(character) ?? character);
}
