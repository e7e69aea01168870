import type { AnswerRule, AnswerRuleName } from "../rules.ts";
import { lastBoxed } from "./box.ts";
import { settledChoice } from "./choice.ts";
import { canonicalJson, lastJson } from "./json.ts";
import { notationOf } from "./latex/notation.ts";
import { lastNumber, valueOfNumber } from "./number.ts";
import { compilePattern } from "./pattern.ts";

/** What a text answers. */
export interface Answer {
  /** As the text has it. */
  readonly text: string;
  /** Equal for two answers that are the same one. */
  readonly key: string;
}

/** Finds the answer of a text; `undefined` where it has none. Every text is read in time that its length bounds. */
export type AnswerReader = (text: string) => Answer | undefined;

interface Reading {
  readonly find: (text: string) => string | undefined;
  readonly keyOf: (answer: string) => string;
}

/** An answer that is not plain data stands at the end: what searches may take longer than in proportion to it looks there alone, characters. */
const searched = 8192;

/** A box whose content is longer is compared as it is written but for its white space. */
const maxNotation = 1000;

/**
 * Text that is equal for texts that differ in case, white space, the width of letters, and what ends their sentence.
 */
export const normalizedText = (text: string): string =>
  text
    .normalize("NFKC")
    .toLowerCase()
    .replace(/\s+/gu, " ")
    .trim()
    .replace(/[\s.!?…]{1,100}$/u, "");

/** A number's exact value as a fraction in lowest terms; other texts as they are. */
const valueKey = (answer: string): string => valueOfNumber(answer)?.toFraction() ?? answer.trim();

/** The value of a number, else notation: 1/2 and \frac{1}{2} are the same, 2x + x and 3x are not. */
function boxedKey(answer: string): string {
  const value = valueOfNumber(answer)?.toFraction();
  return value ?? (answer.length > maxNotation ? answer.replace(/\s+/gu, " ").trim() : notationOf(answer));
}

const end = (text: string): string => text.slice(-searched);

const readings: Readonly<Record<AnswerRuleName, Reading>> = {
  last_number: { find: (text) => lastNumber(end(text)), keyOf: valueKey },
  boxed: { find: (text) => lastBoxed(end(text)), keyOf: boxedKey },
  choice: { find: (text) => settledChoice(end(text)), keyOf: (letter) => letter },
  json: { find: lastJson, keyOf: canonicalJson },
  text: { find: (text) => text.trim(), keyOf: normalizedText },
};

/** @throws PatternError for a pattern that cannot be had */
export function answerReader(rule: AnswerRule): AnswerReader {
  const { find, keyOf } =
    typeof rule === "string" ? readings[rule] : { find: compilePattern(rule.pattern), keyOf: valueKey };
  return (text) => {
    const found = find(text)?.trim();
    if (found === undefined || found === "") return undefined;
    return { text: found, key: keyOf(found) };
  };
}
