/**
 * The value of a closed form: numbers, + − * / ^, brackets, root(n, x) and pi, products also without a sign.
 * @returns undefined for anything else
 */
export function valueOf(text: string): number | undefined {
  const tokens = tokenize(text);
  if (tokens === undefined || tokens.length === 0) return undefined;
  const reader = new Reader(tokens);
  const value = reader.sum();
  return reader.isAtEnd && Number.isFinite(value) ? value : undefined;
}

/** @returns undefined when a character belongs to no token */
function tokenize(text: string): readonly string[] | undefined {
  const pattern = /\s*(\d+(?:\.\d*)?|pi|root|[-+*/^(),])/y;
  const tokens: string[] = [];
  while (pattern.lastIndex < text.length) {
    const match = pattern.exec(text);
    if (match === null) return undefined;
    tokens.push(match[1]!);
  }
  return tokens;
}

/** Recursive descent; NaN where the text is no closed form. */
class Reader {
  readonly #tokens: readonly string[];
  #at = 0;

  constructor(tokens: readonly string[]) {
    this.#tokens = tokens;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#tokens.length;
  }

  sum(): number {
    let value = this.#product();
    for (;;) {
      if (this.#take("+")) value += this.#product();
      else if (this.#take("-")) value -= this.#product();
      else return value;
    }
  }

  #product(): number {
    let value = this.#signed();
    for (;;) {
      if (this.#take("*")) value *= this.#signed();
      else if (this.#take("/")) value /= this.#signed();
      else if (/^(?:pi|root|\()$/.test(this.#next)) value *= this.#power();
      else return value;
    }
  }

  #signed(): number {
    return this.#take("-") ? -this.#signed() : this.#power();
  }

  #power(): number {
    const base = this.#atom();
    return this.#take("^") ? base ** this.#signed() : base;
  }

  #atom(): number {
    if (this.#take("pi")) return Math.PI;
    if (this.#take("root")) return this.#root();
    if (this.#take("(")) {
      const value = this.sum();
      return this.#take(")") ? value : NaN;
    }
    const value = /^\d/.test(this.#next) ? Number(this.#next) : NaN;
    this.#at++;
    return value;
  }

  #root(): number {
    if (!this.#take("(")) return NaN;
    const degree = this.sum();
    if (!this.#take(",")) return NaN;
    const radicand = this.sum();
    return this.#take(")") ? radicand ** (1 / degree) : NaN;
  }

  get #next(): string {
    return this.#tokens[this.#at] ?? "";
  }

  #take(token: string): boolean {
    if (this.#next !== token) return false;
    this.#at++;
    return true;
  }
}
