import type { TokenId, TokenIds } from "../core/tokens.ts";
import { countLeading } from "./spelling.ts";
import type { Leading } from "./spelling.ts";
import type { TokenBytes } from "./token-bytes.ts";

/** Where decoding sets out: at the start of a text, or behind tokens that are text already. */
export interface TextStart {
  /** What falls away there. */
  readonly leading: Leading | undefined;
  /** Bytes before it, of which the last may be an unfinished character's. */
  readonly before: Uint8Array;
}

/** More than an unfinished character of UTF-8 has, bytes. */
const unfinishedBytes = 4;

/** Behind these tokens. Special ones are no text: behind them alone, text begins. */
export function textStart(bytes: TokenBytes, tokens: TokenIds): TextStart {
  const before: number[] = [];
  for (let index = tokens.length - 1; index >= 0 && before.length < unfinishedBytes; index--) {
    if (!bytes.isSpecial(tokens[index]!)) before.unshift(...bytes.spelled(tokens[index]!));
  }
  return { leading: before.length === 0 ? bytes.leading : undefined, before: Uint8Array.from(before) };
}

/** Incremental detokenisation: a character split over tokens appears with the token that completes it. */
export class TextDecoding {
  readonly #bytes: TokenBytes;
  readonly #keepSpecial: boolean;
  // A byte-order mark inside text is text.
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  /** What the text still loses at its start. */
  #leading: Leading | undefined;

  constructor(bytes: TokenBytes, { leading, before }: TextStart, options: { keepSpecial: boolean }) {
    this.#bytes = bytes;
    this.#keepSpecial = options.keepSpecial;
    this.#leading = leading;
    this.#decoder.decode(before, { stream: true });
  }

  /** The text this token completes; may be empty. */
  push(id: TokenId): string {
    if (!this.#keepSpecial && this.#bytes.isSpecial(id)) return "";
    const text = this.#decoder.decode(this.#bytes.spelled(id), { stream: true });
    return this.#leading === undefined || text === "" ? text : this.#trim(text, this.#leading);
  }

  /** What is left of an unfinished character, as U+FFFD. */
  flush(): string {
    return this.#decoder.decode();
  }

  #trim(text: string, leading: Leading): string {
    const length = countLeading(text, leading);
    const isOver = leading.isOfFirstToken || length < text.length;
    this.#leading = isOver ? undefined : { ...leading, count: leading.count - length };
    return text.slice(length);
  }
}
