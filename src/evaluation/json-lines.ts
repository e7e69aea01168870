import { readFile } from "node:fs/promises";
import { decodeText } from "../core/decode-text.ts";
import { InferenceError } from "../core/errors.ts";

/** @param what the option that named the file @throws InferenceError naming it */
export async function readText(path: string, what: string): Promise<string> {
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (cause) {
    throw new InferenceError("invalid_request", `${what}: ${path} cannot be read.`, { cause });
  }
  return decodeText(bytes, `${what}: ${path}`);
}

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
