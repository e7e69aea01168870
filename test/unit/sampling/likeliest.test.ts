import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { drawFromTail, drawFromTop } from "../../../src/sampling/distribution.ts";
import { likeliest, selectDescending } from "../../../src/sampling/likeliest.ts";
import { measure } from "../../../src/sampling/measure.ts";
import { uniform } from "../../../src/core/random.ts";

/** Rows with ties, forbidden tokens, both zeros and both signs. */
const rows = fc
  .tuple(
    fc.array(
      fc.oneof(
        { weight: 6, arbitrary: fc.float({ min: -12, max: 12, noNaN: true }) },
        { weight: 3, arbitrary: fc.constantFrom(-1, -0, 0, 2.5) },
        { weight: 1, arbitrary: fc.constant(-Infinity) },
      ),
      { minLength: 1, maxLength: 400 },
    ),
    fc.float({ min: -5, max: 5, noNaN: true }),
  )
  .map(([logits, last]) => Float32Array.from([...logits, last]));

function randomLogits(
  size: number,
  { seed, spread, step }: { seed: number; spread: number; step: number },
): Float32Array {
  const draws = { seed, choice: 0, stage: 0, step: 0 };
  return Float32Array.from({ length: size }, (_, id) => {
    const logit = spread * (uniform(draws, "token", id) - 0.5);
    return step === 0 ? logit : Math.round(logit / step) * step;
  });
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

const sorted = (logits: Float32Array): number[] =>
  [...logits.keys()].sort((a, b) => (logits[a] === logits[b] ? a - b : logits[b]! - logits[a]!));

describe("the likeliest tokens", () => {
  it("are the head of the sorted row, however many", () => {
    fc.assert(
      fc.property(rows, fc.double({ min: 0, max: 1, noNaN: true }), (logits, share) => {
        const count = Math.max(1, Math.round(share * logits.length));
        const { ids, logprobs } = likeliest(logits, count, 2);
        expect([...ids]).toEqual(sorted(logits).slice(0, count));
        expect([...logprobs]).toEqual([...ids].map((id) => logits[id]! - 2));
      }),
      { numRuns: 300, seed: 1 },
    );
  });

  it("do not share what was handed out before", () => {
    const lists = Array.from({ length: 200 }, (_, index) => likeliest(Float32Array.of(index, 0.5), 2, 0));
    for (const [index, { logprobs }] of lists.entries()) expect(Math.max(...logprobs)).toBe(index || 0.5);
  });
});

describe("a draw beyond the likeliest", () => {
  it("selects the token that a scan of the sorted row finds", () => {
    const large = fc.record({
      size: fc.integer({ min: 65, max: 700 }),
      seed: fc.nat(1000),
      spread: fc.constantFrom(0, 1, 6, 300),
      step: fc.constantFrom(0, 0.25, 3),
      share: fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
      inverseTemperature: fc.constantFrom(0.5, 1, 3),
    });
    fc.assert(
      fc.property(large, ({ size, seed, spread, step, share, inverseTemperature }) => {
        const logits = randomLogits(size, { seed, spread, step });
        const distribution = measure(logits, inverseTemperature);
        const law = { inverseTemperature, logNormalizer: distribution.logNormalizer };
        const order = sorted(logits);
        const masses = order.map((id) =>
          Math.exp(inverseTemperature * (logits[id]! - distribution.logSum) - law.logNormalizer),
        );
        const head = sum(masses.slice(0, 64));
        const u = head + share * sum(masses.slice(64));
        if (drawFromTop(distribution.top, law, u) !== undefined) return;
        let cumulative = head;
        const rank = order.findIndex((_, index) => index >= 64 && u < (cumulative += masses[index]!));
        // The sums are taken in another order: within rounding of a border either side is right.
        if (cumulative - u < 1e-13 || u - (cumulative - masses[rank]!) < 1e-13) return;
        expect(drawFromTail(distribution, law, u)).toBe(order[rank]);
      }),
      { numRuns: 300, seed: 2 },
    );
  });

  it("counts exactly: weights of one select every rank in turn", () => {
    fc.assert(
      fc.property(rows, (logits) => {
        const ones = new Float64Array(logits.length).fill(1);
        const selected = sorted(logits).map((_, rank) => selectDescending(logits, ones, rank + 0.5));
        expect(selected).toEqual(sorted(logits));
      }),
      { numRuns: 10, seed: 3 },
    );
  });

  it("never selects what has no weight, and says when nothing has any", () => {
    const logits = Float32Array.of(3, 2, 1, 0);
    expect(selectDescending(logits, Float64Array.of(0, 0.5, 0, 0), 0.9)).toBe(1);
    expect(selectDescending(logits, new Float64Array(4), 0)).toBeUndefined();
  });
});
