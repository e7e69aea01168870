import { InferenceError } from "./errors.ts";

/**
 * The text of a file as editors write them: UTF-8, or UTF-16 that begins with a byte order mark. The mark is dropped.
 * @param what the file, for the error
 * @throws InferenceError for bytes that are neither
 */
export function decodeText(bytes: Uint8Array, what: string): string {
  const [first, second] = bytes;
  const marked = first === 0xff && second === 0xfe ? "utf-16le" : undefined;
  const encoding = marked ?? (first === 0xfe && second === 0xff ? "utf-16be" : "utf-8");
  try {
    const text = new TextDecoder(encoding, { fatal: true }).decode(bytes);
    // Zero bytes are UTF-8 too, but no text has them: a file in UTF-16 without a mark.
    if (!text.includes("\0")) return text;
  } catch {
    // Said below.
  }
  throw new InferenceError("invalid_request", `${what} is not UTF-8 text. Save it as UTF-8.`);
}
