import { JsonScan } from "./json-scan.ts";
import { refusal, sentence } from "./errors.ts";
import { nextTurn } from "./turns.ts";

/** Integers that a double may not hold, as values of keys named seed; the quote of a key is never an escaped one. */
const wideSeeds = /(?<!\\)("seed"\s*:\s*)(-?\d{16,})(?=\s*[,}])/g;

/**
 * JSON text whose wide seeds are strings of their digits: read as numbers, seeds above 2^53 would fall together with
 * their neighbours.
 */
const keepWideSeeds = (json: string): string => json.replace(wideSeeds, '$1"$2"');

/** From so many bytes on, each step of the work has a turn of the event loop to itself. */
const longBytes = 8 * 1024;

/**
 * Reads what a client sent, in pieces of which none takes the thread for long: the one home of JSON from outside.
 * @param what it is, as the client is told
 * @param scan shared by the texts that make up one request
 * @throws Refusal saying what is wrong: not UTF-8, too much or too deep, no JSON, or a key that would change what
 *   objects inherit if it were copied
 */
export async function readJson(bytes: Buffer, what: string, scan = new JsonScan()): Promise<unknown> {
  if (bytes.length === 0) throw refusal("malformed", `The ${what} is empty. Send a JSON object.`);
  const breathe = (): Promise<void> | undefined => (bytes.length < longBytes ? undefined : nextTurn());
  await scan.scan(bytes, what);
  await breathe();
  const text = decodeText(bytes, what);
  await breathe();
  const value = parseText(text, what);
  const key = inheritedKey(value);
  if (key !== undefined)
    throw refusal("malformed", `The ${what} holds a key '${key}', which is read at no depth. Leave it out.`);
  // What it says is judged at once.
  await breathe();
  return value;
}

function decodeText(bytes: Buffer, what: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw refusal("malformed", `The ${what} is not UTF-8. Encode it so.`);
  }
}

function parseText(text: string, what: string): unknown {
  try {
    return JSON.parse(keepWideSeeds(text));
  } catch (error) {
    throw refusal("malformed", `The ${what} is not valid JSON: ${sentence((error as Error).message)}`);
  }
}

/** A key by which copying the value would change what objects inherit, at any depth; the scan has bounded that. */
function inheritedKey(value: unknown): string | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  if (!Array.isArray(value)) {
    if (Object.hasOwn(value, "__proto__")) return "__proto__";
    if (Object.hasOwn(value, "constructor")) {
      const { constructor: inherited } = value as { constructor: unknown };
      if (typeof inherited === "object" && inherited !== null && Object.hasOwn(inherited, "prototype"))
        return "constructor.prototype";
    }
  }
  for (const item of Array.isArray(value) ? (value as unknown[]) : Object.values(value)) {
    const key = typeof item === "object" ? inheritedKey(item) : undefined;
    if (key !== undefined) return key;
  }
  return undefined;
}
