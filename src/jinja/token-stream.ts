import { syntaxError } from "./errors.ts";
import type { TemplateError } from "./errors.ts";
import type { Token } from "./lexer.ts";

/** Tokens read one by one, with one ahead. */
export class TokenStream {
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  get current(): Token {
    return this.#tokens[Math.min(this.#at, this.#tokens.length - 1)]!;
  }

  /** The token after the current one. */
  get following(): Token {
    return this.#tokens[Math.min(this.#at + 1, this.#tokens.length - 1)]!;
  }

  next(): Token {
    const token = this.current;
    this.#at += 1;
    return token;
  }

  isOperator(...operators: readonly string[]): boolean {
    return this.current.type === "operator" && operators.includes(this.current.value);
  }

  isName(...names: readonly string[]): boolean {
    return this.current.type === "name" && (names.length === 0 || names.includes(this.current.value));
  }

  skipOperator(operator: string): boolean {
    const there = this.isOperator(operator);
    if (there) this.#at += 1;
    return there;
  }

  skipName(name: string): boolean {
    const there = this.isName(name);
    if (there) this.#at += 1;
    return there;
  }

  expectOperator(operator: string): void {
    if (!this.skipOperator(operator)) throw this.unexpected(`'${operator}'`);
  }

  expectName(): string {
    const token = this.current;
    if (token.type !== "name") throw this.unexpected("a name");
    this.#at += 1;
    return token.value;
  }

  expectType(type: Token["type"]): void {
    if (this.current.type !== type)
      throw this.unexpected(type === "%}" ? "end of statement block" : `'${type}'`);
    this.#at += 1;
  }

  unexpected(wanted?: string): TemplateError {
    const { type, value, line } = this.current;
    const got = type === "end" ? "end of template" : `'${value === "" ? type : String(value)}'`;
    return syntaxError(wanted === undefined ? `unexpected ${got}` : `expected ${wanted}, got ${got}`, line);
  }
}
