import { clip } from "../core/clip.ts";
import { refusal } from "./errors.ts";
import type { Refusal } from "./errors.ts";
import { nextTurn } from "./turns.ts";

/** What reading JSON may cost, so that no one text takes the thread for longer than some tens of milliseconds. */
export const jsonLimits = {
  /** Lists and objects within one another: what reads them later may go down by recursion. */
  depth: 64,
  /** Of an object, `numberFields` aside: each that is unknown is judged by itself. */
  fields: 1024,
  /** Names, strings, lists, objects, literals, and numbers that are not in `numberFields`. */
  parts: 32_768,
  /** Numbers in `numberFields`: these are judged by the list, and so cost little each. */
  numbers: 1_048_576,
  /** Characters of a number; the longest that a double needs has 767 digits. */
  digits: 1024,
} as const;

/** Fields of a body that may hold numbers by the hundred thousand: token ids, alone or with their bias. */
const numberFields = ["prompt", "tokens", "logit_bias"].map((name) => Buffer.from(name));

/** Half a millisecond's work. */
const sliceBytes = 128 * 1024;

const noBytes = Buffer.alloc(0);
const quote = 0x22;
const backslash = 0x5c;
const colon = 0x3a;

/** What a byte outside strings begins or goes on with. */
const kinds = new Uint8Array(256);
const opens = 1;
const closes = 2;
const literal = 3;
const numeral = 4;
/** Of a number that has begun. */
const exponent = 5;
for (const [characters, kind] of [
  ["[{", opens],
  ["]}", closes],
  ["tfn", literal],
  ["-+.0123456789", numeral],
  ["eE", exponent],
] as const)
  for (const character of characters) kinds[character.charCodeAt(0)] = kind;

/**
 * Counts what texts hold before they are parsed, in time proportional to their bytes, and in pieces between which other
 * requests are served. Several texts that make up one request share the limits. Whether a text is JSON is not asked.
 */
export class JsonScan {
  #parts = 0;
  #numbers = 0;

  /**
   * @param what the text is, as the client is told
   * @param param the request's field that it is, where it is one
   * @throws Refusal naming what is too much, and in which field
   */
  async scan(bytes: Buffer, what: string, param?: string): Promise<void> {
    const text = new TextScan(bytes, what, param);
    for (let end = sliceBytes; ; end += sliceBytes) {
      text.readTo(Math.min(end, bytes.length));
      if (this.#parts + text.parts > jsonLimits.parts)
        throw text.tooMuch(`${jsonLimits.parts} names and values, token ids aside`);
      if (this.#numbers + text.numbers > jsonLimits.numbers)
        throw text.tooMuch(`${jsonLimits.numbers} numbers`);
      if (end >= bytes.length) break;
      await nextTurn();
    }
    this.#parts += text.parts;
    this.#numbers += text.numbers;
  }
}

/** Reads one text, up to wherever its caller wants to look at the counts. */
class TextScan {
  parts = 0;
  numbers = 0;
  readonly #bytes: Buffer;
  readonly #what: string;
  readonly #param: string | undefined;
  #at = 0;
  #depth = 0;
  #isInString = false;
  /** Where the last string's characters begin and end. */
  #start = 0;
  #end = 0;
  /** Characters so far of the number at hand; 0 where there is none. */
  #digits = 0;
  /** Fields so far of the objects that are open, by their depth. */
  readonly #fields = new Uint32Array(jsonLimits.depth + 1);
  /** The field of the outermost object that is being read. */
  #field: Buffer = noBytes;
  #holdsNumbers = false;

  constructor(bytes: Buffer, what: string, param: string | undefined) {
    this.#bytes = bytes;
    this.#what = what;
    this.#param = param;
  }

  /** @throws Refusal where it is nested too deeply, or a number is too long */
  readTo(end: number): void {
    while (this.#at < end) {
      if (this.#isInString) this.#readString(end);
      else this.#read(this.#bytes[this.#at++]!);
    }
  }

  tooMuch(most: string): Refusal {
    return this.#refuse("tooLarge", `holds more than ${most}, the last of them`, "Send less at once.");
  }

  #readString(end: number): void {
    const bytes = this.#bytes;
    let at = this.#at;
    while (at < end && bytes[at] !== quote) at += bytes[at] === backslash ? 2 : 1;
    this.#at = at;
    if (at >= end) return;
    this.#isInString = false;
    this.#end = this.#at++;
  }

  #read(byte: number): void {
    const kind = kinds[byte];
    if (kind === numeral || (kind === exponent && this.#digits > 0)) {
      this.#readDigit();
      return;
    }
    this.#digits = 0;
    if (byte === quote) {
      this.#isInString = true;
      this.#start = this.#at;
      this.parts++;
    } else if (byte === colon) {
      if (this.#depth === 1) {
        this.#field = this.#bytes.subarray(this.#start, this.#end);
        this.#holdsNumbers = numberFields.some((name) => name.equals(this.#field));
      }
      if (++this.#fields[this.#depth]! > jsonLimits.fields && (this.#depth === 1 || !this.#holdsNumbers))
        throw this.tooMuch(`${jsonLimits.fields} fields in an object`);
    } else if (kind === closes) this.#depth--;
    else if (kind === opens || kind === literal) {
      this.parts++;
      if (kind !== opens) return;
      if (++this.#depth > jsonLimits.depth)
        throw this.#refuse("malformed", `is nested more than ${jsonLimits.depth} levels deep`, "Flatten it.");
      this.#fields[this.#depth] = 0;
    }
  }

  #readDigit(): void {
    this.#digits++;
    if (this.#digits > jsonLimits.digits)
      throw this.#refuse(
        "malformed",
        `holds a number of more than ${jsonLimits.digits} digits`,
        "Shorten it.",
      );
    if (this.#digits > 1) return;
    if (this.#holdsNumbers) this.numbers++;
    else this.parts++;
  }

  #refuse(kind: "malformed" | "tooLarge", problem: string, remedy: string): Refusal {
    const field = clip(this.#field.toString());
    const place = field === "" ? "" : ` in '${field}'`;
    return refusal(kind, `The ${this.#what} ${problem}${place}. ${remedy}`, this.#param);
  }
}
