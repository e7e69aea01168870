import { toNotation } from "../../../selection/answers/latex/notation.ts";
import type { Token } from "../../../selection/answers/latex/tokens.ts";

/** Nested deeper, a text is no answer. */
const maxDepth = 60;

/** What is not mathematics as it is understood here. */
export class Unreadable extends Error {}

/** Reads tokens from left to right. */
export class Reader {
  readonly #tokens: readonly Token[];
  #at = 0;
  #depth = 0;
  /** How many |…| are open. */
  bars = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  get next(): Token | undefined {
    return this.#tokens[this.#at];
  }

  get at(): number {
    return this.#at;
  }

  peek(ahead = 0): string {
    return this.#tokens[this.#at + ahead]?.text ?? "";
  }

  is(...texts: readonly string[]): boolean {
    return this.next !== undefined && this.next.kind !== "word" && texts.includes(this.next.text);
  }

  take(...texts: readonly string[]): string | undefined {
    if (!this.is(...texts)) return undefined;
    return this.#tokens[this.#at++]!.text;
  }

  /** @throws Unreadable at the end */
  shift(): Token {
    const token = this.#tokens[this.#at];
    if (token === undefined) throw new Unreadable("ends early");
    this.#at++;
    return token;
  }

  expect(text: string): void {
    if (this.take(text) === undefined) throw new Unreadable(`${text} is missing`);
  }

  goTo(at: number): void {
    this.#at = at;
  }

  /** What stands between two places, as notation. */
  textBetween(from: number, to: number): string {
    return toNotation(this.#tokens.slice(from, to));
  }

  /** @throws Unreadable when it is nested too deeply */
  nested<Result>(read: () => Result): Result {
    if (++this.#depth > maxDepth) throw new Unreadable("nested too deeply");
    const result = read();
    this.#depth--;
    return result;
  }
}
