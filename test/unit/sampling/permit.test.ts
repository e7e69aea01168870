import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { logSumExp } from "../../../src/core/log-sum-exp.ts";
import { uniform } from "../../../src/core/random.ts";
import { measure, measuredTop } from "../../../src/sampling/measure.ts";
import { permit } from "../../../src/sampling/permit.ts";
import { TokenMask } from "../../../src/sampling/token-mask.ts";

const draw = (seed: number, place: number): number =>
  uniform({ seed, choice: 0, stage: 0, step: 0 }, "token", place);

function maskOf(size: number, tokens: Iterable<number>): TokenMask {
  const mask = new TokenMask(size);
  for (const token of tokens) mask.add(token);
  return mask;
}

const cases = fc.record({
  size: fc.integer({ min: 1, max: 400 }),
  seed: fc.nat(1000),
  spread: fc.constantFrom(0.5, 8, 60, 900),
  inverseTemperature: fc.constantFrom(0.5, 1, 4),
  density: fc.constantFrom(0, 0.02, 0.4, 0.6, 0.98, 1),
});

describe("a token mask", () => {
  it("tells the tokens in it and the others, each once, in ascending order", () => {
    fc.assert(
      fc.property(cases, ({ size, seed, density }) => {
        const all = [...Array(size).keys()];
        const tokens = all.filter((token) => draw(seed, token) < density);
        const mask = maskOf(size, tokens);
        const [inside, others]: [number[], number[]] = [[], []];
        mask.forEach((token) => inside.push(token));
        mask.forEachOther((token) => others.push(token));
        expect(inside).toEqual(tokens);
        expect(others).toEqual(all.filter((token) => !mask.has(token)));
        expect(mask.count).toBe(tokens.length);
      }),
    );
  });
});

describe("a distribution of which some tokens are permitted", () => {
  it("has log Z over them, and lists them by their own log p, whatever share of the tokens and of the mass they are", () => {
    fc.assert(
      fc.property(cases, ({ size, seed, spread, inverseTemperature, density }) => {
        const logits = Float32Array.from({ length: size }, (_, id) => spread * draw(seed, id));
        const chosen = [...logits.keys()].filter((token) => draw(seed + 1, token) < density);
        const permitted = chosen.length === 0 ? [size - 1] : chosen;
        const raw = measure(logits, inverseTemperature);
        const law = permit(raw, maskOf(size, permitted), inverseTemperature);

        const tempered = permitted.map((token) => inverseTemperature * (logits[token]! - raw.logSum));
        const direct = logSumExp(tempered);
        expect(Math.abs(law.logNormalizer - direct)).toBeLessThan(1e-12 * Math.max(1, Math.abs(direct)));
        expect(law.logSum).toBe(raw.logSum);
        expect(law.entropy).toBe(raw.entropy);

        const order = permitted.sort((a, b) => logits[b]! - logits[a]! || a - b);
        const others = [...logits.keys()].filter((token) => !permitted.includes(token));
        const width = Math.min(measuredTop, size);
        expect([...law.top.ids]).toEqual([...order, ...others].slice(0, width));
        for (const [rank, id] of law.top.ids.entries())
          expect(law.top.logprobs[rank]).toBe(rank < order.length ? logits[id]! - raw.logSum : -Infinity);
        for (const [id, logit] of law.readLogits().entries())
          expect(logit).toBe(permitted.includes(id) ? logits[id] : -Infinity);
      }),
      { numRuns: 300 },
    );
  });

  it("is refused where all that is permitted has probability 0", () => {
    const raw = measure(Float32Array.of(0, -Infinity, 1), 1);
    expect(() => permit(raw, maskOf(3, [1]), 1)).toThrow(/probability 0 to every token/);
  });
});
