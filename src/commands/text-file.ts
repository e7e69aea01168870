import { readFile } from "node:fs/promises";
import { decodeText } from "../core/decode-text.ts";
import { fileFault } from "../files/file-fault.ts";

/** @param what the option that named the file @throws InferenceError naming it */
export async function readText(path: string, what: string): Promise<string> {
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (cause) {
    throw fileFault(`${what}: ${path} cannot be read`, cause);
  }
  return decodeText(bytes, `${what}: ${path}`);
}
