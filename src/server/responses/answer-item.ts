import { joined } from "../presenters/placed-tokens.ts";
import type { PlacedTokens } from "../presenters/placed-tokens.ts";

/** A function that an answer calls. */
export interface Call {
  /** What its output calls it by. */
  readonly id: string;
  readonly name: string;
}

/** An item of an answer as it comes: what it says, or the arguments of a call, piece by piece. */
export class AnswerItem {
  /** Absent from what is said. */
  readonly call: Call | undefined;
  /** Until the end. */
  #pieces: string[] = [];
  /** From the end on. */
  #text = "";
  /** Where in the text each piece ends. */
  readonly #ends: number[] = [];
  /** Those of each piece, where they are shown. */
  readonly #tokens: PlacedTokens[] = [];

  constructor(call?: Call) {
    this.call = call;
  }

  get pieces(): number {
    return this.#ends.length;
  }

  /** All of it so far. */
  get text(): string {
    return this.#text + this.#pieces.join("");
  }

  get tokens(): PlacedTokens {
    return joined(this.#tokens);
  }

  textOf(piece: number): string {
    return this.#pieces[piece] ?? this.#text.slice(this.#ends[piece - 1] ?? 0, this.#ends[piece]);
  }

  tokensOf(piece: number): PlacedTokens | undefined {
    return this.#tokens[piece];
  }

  /** @param tokens left out where they are not shown */
  push(text: string, tokens?: PlacedTokens): void {
    this.#pieces.push(text);
    this.#ends.push((this.#ends.at(-1) ?? 0) + text.length);
    if (tokens !== undefined) this.#tokens.push(tokens);
  }

  /** Nothing more comes: what is kept is one text. */
  end(): void {
    this.#text = this.text;
    this.#pieces = [];
  }
}
