import { InferenceError } from "../../core/errors.ts";
import { parseJson, parseLines } from "../json-lines.ts";

/** @returns the records of a JSON list, or of JSON lines, and where each stood */
export function parseRecords(text: string, name: string): { readonly value: unknown; readonly at: string }[] {
  if (!text.trimStart().startsWith("[")) return parseLines(text, name);
  const list = parseJson(text, name);
  if (!Array.isArray(list)) throw new InferenceError("invalid_request", `${name} is no list.`);
  return list.map((value: unknown, index) => ({ value, at: `${name}, record ${index + 1}` }));
}
