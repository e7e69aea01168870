import { InferenceError } from "../core/errors.ts";

/** @param at file and line, for the error */
export function parseJson(line: string, at: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    throw new InferenceError("invalid_request", `${at}: not valid JSON.`);
  }
}

/** @returns each line's value, and where it stood; blank lines left out */
export function parseLines(text: string, name: string): { readonly value: unknown; readonly at: string }[] {
  return text.split(/\r\n|\n|\r/).flatMap((line, index) => {
    const at = `${name}, line ${index + 1}`;
    return line.trim() === "" ? [] : [{ value: parseJson(line, at), at }];
  });
}
