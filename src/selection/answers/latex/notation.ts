import { tokenize } from "./tokens.ts";
import type { Token } from "./tokens.ts";

/** Tokens as text that is equal for equal notation; braces around single tokens say nothing. */
export const toNotation = (tokens: readonly Token[]): string =>
  tokens
    .map(({ kind, text }) =>
      kind === "word"
        ? text
            .toLowerCase()
            .replace(/[\s.,;]+/g, " ")
            .trim()
        : text,
    )
    .join(" ")
    .replace(/\{ (\S+) \}/g, "$1")
    .replace(/(?: [.,;])+$/, "");

/** An answer as notation that is equal for the usual ways of writing the same thing. */
export const notationOf = (latex: string): string => toNotation(tokenize(latex) ?? []) || latex;
