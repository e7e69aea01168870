import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ForetoldText } from "../../../../src/engine/speculation/foretold-text.ts";
import { HoldShares } from "../../../../src/engine/speculation/hold-shares.ts";
import { SuffixIndex } from "../../../../src/engine/speculation/suffix-index.ts";
import { SaidStore } from "../../../../src/engine/speculation/said-store.ts";
import { draftLength } from "../../../../src/engine/local/draft-length.ts";

const tokens = (max: number) => fc.array(fc.nat(max), { minLength: 2, maxLength: 60 });

/** Says a text, token by token, and tells what was foretold of each. */
function say(index: SuffixIndex, prefix: readonly number[], rest: readonly number[]) {
  const text = [...prefix];
  const foretold = new ForetoldText(index, text);
  return rest.map((token) => {
    const guess = foretold.foretell(8);
    text.push(token);
    return guess;
  });
}

describe("SuffixIndex", () => {
  it("foretells what followed where the text's last tokens, one at least, were said before", () => {
    fc.assert(
      fc.property(tokens(3), tokens(3), (prompt, rest) => {
        for (const [said, guess] of say(new SuffixIndex(prompt), prompt, rest).entries()) {
          const text = [...prompt, ...rest.slice(0, said)];
          // Latest or not: some place where as many tokens before it agree, and these follow.
          const places = text.flatMap((_, place) => {
            const matched = Math.min(guess?.matched ?? 1, 16);
            const agrees = Array.from({ length: matched }, (_, back) => back + 1).every(
              (back) => place >= back && text[place - back] === text[text.length - back],
            );
            return agrees && place < text.length ? [place] : [];
          });
          if (guess === undefined) expect(places).toEqual([]);
          else expect(places.some((place) => text[place] === guess.tokens[0])).toBe(true);
        }
      }),
      { seed: 1, numRuns: 300 },
    );
  });

  it("foretells a text by its siblings", () => {
    const index = new SuffixIndex([1, 2, 3]);
    const said = [4, 5, 6, 7, 8, 9];
    const text = [1, 2, 3];
    const first = new ForetoldText(index, text);
    text.push(...said);
    first.note();
    expect(new ForetoldText(index, [1, 2, 3]).foretell(4)?.tokens).toEqual([4, 5, 6, 7]);
    expect(new ForetoldText(index, [1, 2, 3, 0, 0, 5, 6]).foretell(8)?.tokens).toEqual([7, 8, 9]);
  });

  it("foretells by a single token where there is no more, and nothing by none", () => {
    const short = new ForetoldText(new SuffixIndex([1, 5, 6]), [2, 5]).foretell(3);
    expect(short).toMatchObject({ tokens: [6], matched: 1 });
    expect(new ForetoldText(new SuffixIndex([5]), [5]).foretell(3)).toBeUndefined();
    expect(new ForetoldText(new SuffixIndex([1, 5, 6]), [2, 6]).foretell(3)).toBeUndefined();
  });

  it("holds so much and no more, whatever is said, and goes on foretelling", () => {
    fc.assert(
      fc.property(tokens(5), fc.array(tokens(5), { maxLength: 20 }), (prompt, texts) => {
        const index = new SuffixIndex(prompt, 100);
        const open = texts.map((text) => ({ text: [...prompt], rest: text }));
        const foretold = open.map(({ text }) => new ForetoldText(index, text));
        // All of them at once, so that a full index begins again under the others' feet.
        for (let round = 0; round < 60; round++) {
          for (const [place, { text, rest }] of open.entries()) {
            foretold[place]!.foretell(8);
            if (round < rest.length) text.push(rest[round]!);
          }
          expect(index.size).toBeLessThan(100 + 20);
        }
      }),
      { seed: 2, numRuns: 50 },
    );
  });

  it("learns how often what it foretells is said, by how much agreed", () => {
    const index = new SuffixIndex([1, 2]);
    const cycle = Array.from({ length: 200 }, (_, place) => [3, 4, 5, 1, 2][place % 5]!);
    say(index, [1, 2], cycle);
    expect(index.holds.at(16)).toBeGreaterThan(0.9);
    const noise = new SuffixIndex([0, 0]);
    let state = 1;
    const random = Array.from({ length: 2000 }, () => (state = (state * 48_271) % 2_147_483_647) % 3);
    say(noise, [0, 0], random);
    expect(noise.holds.at(2)).toBeGreaterThan(0.15);
    expect(noise.holds.at(2)).toBeLessThan(0.55);
  });
});

describe("SaidStore", () => {
  it("gives a prompt's completions one index, an isolated one its own, and forgets the oldest", () => {
    const indexes = new SaidStore();
    const first = indexes.share([1, 2]);
    expect(indexes.share([1, 2])).toBe(first);
    expect(indexes.share([1, 2, 3])).not.toBe(first);
    expect(indexes.share([12])).not.toBe(first);
    expect(indexes.own([1, 2])).not.toBe(first);
    for (let other = 0; other < 300; other++) indexes.share([7, other]);
    expect(indexes.share([1, 2])).not.toBe(first);
  });

  it("forgets by what was said, too", () => {
    const indexes = new SaidStore();
    const first = indexes.share([1, 2]);
    const text = Array.from({ length: 30_000 }, (_, place) => place);
    for (let prompt = 0; prompt < 10; prompt++) say(indexes.share([9, prompt]).index, [9, prompt], text);
    expect(indexes.share([1, 2])).not.toBe(first);
  });

  it("forgets by what prompts take that were never foretold anything, too", () => {
    const indexes = new SaidStore();
    const long = Array.from({ length: 100_000 }, (_, place) => place);
    const first = indexes.share([1, 2]);
    for (let prompt = 0; prompt < 20; prompt++) indexes.share([prompt, ...long]);
    expect(indexes.share([1, 2])).not.toBe(first);
  });
});

describe("HoldShares", () => {
  it("begins with little trust, and follows what is seen lately", () => {
    const shares = new HoldShares();
    expect(shares.at(2)).toBe(0.25);
    for (let time = 0; time < 300; time++) shares.observe(2, true);
    expect(shares.at(2)).toBeGreaterThan(0.95);
    expect(shares.at(3)).toBe(0.25);
    for (let time = 0; time < 300; time++) shares.observe(2, false);
    expect(shares.at(2)).toBeLessThan(0.05);
  });
});

describe("draftLength", () => {
  const choose = (cost: (tokens: number) => number, hold: number, most = 8): number =>
    draftLength({ matched: 2, most, holds: () => hold, cost });
  /** Measured: docs/benchmarks.md. */
  const curve = (points: Readonly<Record<number, number>>) => (size: number) => points[size] ?? Infinity;
  const fp32 = curve({ 1: 1, 2: 1.08, 3: 1.12, 4: 1.12, 5: 1.12, 6: 1.24, 7: 1.35, 8: 1.46, 9: 1.57 });
  const int4 = curve({ 1: 1, 2: 1.3, 3: 1.7, 4: 2.15, 5: 2.6, 6: 3, 7: 3.4, 8: 3.8, 9: 4.2 });

  it("settles the most tokens in the time that it takes", () => {
    for (const hold of [0.1, 0.3, 0.5, 0.7, 0.9, 0.99]) {
      for (const cost of [fp32, int4]) {
        const gains = Array.from({ length: 9 }, (_, k) => {
          const settled = Array.from({ length: k + 1 }, (_, i) => hold ** i).reduce((a, b) => a + b);
          return settled / cost(k + 1);
        });
        const best = gains.indexOf(Math.max(...gains));
        expect(choose(cost, hold)).toBe(gains[best]! > 1.05 ? best : 0);
      }
    }
  });

  it("tries nothing where it would lose: rows that cost as much as passes, guesses that fail, costs not known", () => {
    expect(choose((size) => size, 0.99)).toBe(0);
    expect(choose(int4, 0.3)).toBe(0);
    expect(choose(fp32, 0.05)).toBe(0);
    expect(choose(() => Infinity, 1)).toBe(0);
    expect(choose(() => NaN, 1)).toBe(0);
    expect(choose(fp32, 1, 0)).toBe(0);
  });
});
