import { parse } from "secure-json-parse";
import { mapPieces } from "./map-pieces.ts";
import { refusal, sentence } from "./errors.ts";

/** Integers that a double may not hold, as values of keys named seed; the quote of a key is never an escaped one. */
const wideSeeds = /(?<!\\)("seed"\s*:\s*)(-?\d{16,})(?=\s*[,}])/g;

/**
 * JSON text whose wide seeds are strings of their digits: read as numbers, seeds above 2^53 would fall together with
 * their neighbours.
 */
const keepWideSeeds = (json: string): string => json.replace(wideSeeds, '$1"$2"');

/**
 * Reads what a client sent.
 * @param what it is, as the client is told
 * @throws Refusal saying what is wrong: no JSON, or a key that would change what objects inherit if it were copied
 */
export function parseJson(text: string, what: "body" | "message"): unknown {
  if (text === "") throw refusal("malformed", `The ${what} is empty. Send a JSON object.`);
  const json = keepWideSeeds(text);
  try {
    return parse(json);
  } catch (error) {
    const key = inheritedKey(json);
    throw refusal(
      "malformed",
      key === undefined
        ? `The ${what} is not valid JSON: ${sentence((error as Error).message)}`
        : `The ${what} holds a key '${key}', which is read at no depth. Leave it out.`,
    );
  }
}

/** The key that `parse` refuses; `undefined` where it refuses the text. */
function inheritedKey(json: string): string | undefined {
  let key: string | undefined;
  try {
    JSON.parse(json, (name, value: unknown) => {
      if (name === "__proto__") key = name;
      if (name === "constructor" && typeof value === "object" && value !== null && "prototype" in value)
        key = "constructor.prototype";
      return value;
    });
  } catch {
    return undefined;
  }
  return key;
}

/** As JSON.stringify writes an object of JSON values, whose lists may be of any length: other clients are answered meanwhile. */
export async function stringifyLong(object: Readonly<Record<string, unknown>>): Promise<string> {
  const fields: string[] = [];
  for (const [name, value] of Object.entries(object)) {
    const json = Array.isArray(value) ? await stringifyList(value) : JSON.stringify(value);
    fields.push(`${JSON.stringify(name)}:${json}`);
  }
  return `{${fields.join(",")}}`;
}

async function stringifyList(list: readonly unknown[]): Promise<string> {
  const pieces = await mapPieces(list, (piece) => JSON.stringify(piece).slice(1, -1));
  return `[${pieces.join(",")}]`;
}
