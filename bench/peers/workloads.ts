/** One thing that all engines are asked for, again and again, with other prompts each time. */
export interface Workload {
  readonly name: string;
  /** Prompts at once. */
  readonly rows: number;
  /** Tokens of each prompt. */
  readonly prompt: number;
  /** Tokens generated to each prompt. */
  readonly tokens: number;
  /** Tokens, of all rows, that its rate is of. */
  readonly counted: number;
}

/** @param tokens generated to each prompt, where decoding is measured */
export function workloadsOf(tokens: number): Workload[] {
  const decode = (rows: number): Workload => ({
    name: `${rows} at once`,
    rows,
    prompt: 32,
    tokens,
    counted: rows * tokens,
  });
  const prefill: Workload = { name: "prefill of 1,000", rows: 1, prompt: 1000, tokens: 1, counted: 1000 };
  return [decode(1), decode(4), decode(16), prefill];
}

/** Prompts out of a text, none of which shares a beginning with another, so that no cache answers. */
export class Prompts {
  readonly #text: readonly number[];
  #used = 0;

  constructor(text: readonly number[]) {
    this.#text = text;
  }

  /** @throws Error where the text comes to its end */
  next({ rows, prompt }: Workload): number[][] {
    return Array.from({ length: rows }, () => {
      const tokens = this.#text.slice(this.#used, (this.#used += prompt));
      if (tokens.length < prompt) throw new Error("the text has no prompts left: ask for fewer --rounds");
      return tokens;
    });
  }
}
