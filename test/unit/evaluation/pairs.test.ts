import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { lastBoxed } from "../../../src/selection/answers/box.ts";
import { isSameMathematics } from "../../../src/evaluation/graders/mathematics/mathematics.ts";

const pair = z.tuple([z.string(), z.string(), z.string(), z.boolean()], z.string());
const pairsOf = (name: string): readonly z.output<typeof pair>[] =>
  z
    .array(pair)
    .parse(JSON.parse(readFileSync(new URL(`../../fixtures/mathematics/${name}`, import.meta.url), "utf8")));

/** As math-verify's tests write answers: boxed, or as the text's last formula. */
function answerIn(text: string): string {
  const formulas = text.matchAll(/\$\$?([^$]+)\$\$?|\\\(([\s\S]+?)\\\)|\\\[([\s\S]+?)\\\]/g);
  return lastBoxed(text) ?? [...formulas].map((found) => found[1] ?? found[2] ?? found[3]!).at(-1) ?? text;
}

describe("a thousand pairs of answers", () => {
  const pairs = pairsOf("pairs.json");
  const families = [...new Set(pairs.map(([family]) => family))];

  it.each(families)("%s", (family) => {
    const wrong = pairs.filter(
      ([name, left, right, isSame]) => name === family && isSameMathematics(left, right) !== isSame,
    );
    expect(wrong).toEqual([]);
  });

  it("are the same the other way round", () => {
    const wrong = pairs.filter(([, left, right, isSame]) => isSameMathematics(right, left) !== isSame);
    expect(pairs).toHaveLength(1000);
    expect(wrong).toEqual([]);
  });
});

it("knows pairs that it was not written with, but for differences that have a name", () => {
  const wrong = pairsOf("fresh.json").filter(
    ([, left, right, isSame, difference]) =>
      (isSameMathematics(left, right) === isSame) === (difference !== undefined),
  );
  expect(wrong).toEqual([]);
});

it.each([
  ["12:00", "1:00"],
  ["2x = 10", "10"],
  ["f(2) = 3", "f(3) = 3"],
  ["\\sum_{k=1}^{10^9} k", "5"],
  ["10:30 \\text{ AM}", "10:30 \\text{ PM}"],
  ["\\begin{vmatrix}1&2\\\\3&4\\end{vmatrix}", "2"],
])("%s is not %s", (left, right) => {
  expect(isSameMathematics(left, right)).toBe(false);
  expect(isSameMathematics(right, left)).toBe(false);
});

// Reading them would take ten seconds and more.
it.each(["1", ";", "..."])("a hundred thousand of %s are not read", (piece) => {
  const long = piece.repeat(100_000);
  expect(isSameMathematics(long, `${long}1`)).toBe(false);
});

it("agrees with math-verify's published pairs, but for differences that have a name", () => {
  for (const [, reference, completion, isSame, difference] of pairsOf("published.json")) {
    const verdict = isSameMathematics(answerIn(completion), answerIn(reference));
    expect(verdict, `${reference} | ${completion.slice(-80)}`).toBe(
      difference === undefined ? isSame : !isSame,
    );
  }
});
