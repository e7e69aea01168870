import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Sampling } from "../../../src/sampling/distribution.ts";
import { topTokens } from "../../../src/sampling/distribution.ts";
import * as core from "../../../src/sampling/draw.ts";
import type { DrawRequest } from "../../../src/sampling/draw.ts";
import { measure } from "../../../src/sampling/measure.ts";
import { uniform } from "../../../src/core/random.ts";

const randomLogits = (size: number, seed: number, spread: number): Float32Array =>
  Float32Array.from(
    { length: size },
    (_, id) => spread * uniform({ seed, choice: 0, stage: 0, step: 0 }, "token", id),
  );

const drawToken = (logits: Float32Array, request: DrawRequest) =>
  core.drawToken(measure(logits, request.sampling.inverseTemperature), request);

/** The law in plain words: sort, temper, truncate, renormalise. */
function reference(
  logits: Float32Array,
  { inverseTemperature, topK, topP, minP }: Sampling,
): Map<number, number> {
  const order = [...logits.keys()].sort((a, b) => logits[b]! - logits[a]! || a - b);
  const max = Math.max(...logits);
  let weights = order.map((id) => ({ id, weight: Math.exp(inverseTemperature * (logits[id]! - max)) }));
  if (topK !== undefined) weights = weights.slice(0, topK);
  const total = weights.reduce((sum, { weight }) => sum + weight, 0);
  const floor = (minP ?? 0) * weights[0]!.weight;
  let mass = 0;
  const kept = weights.filter(({ weight }, rank) => {
    const stays = rank === 0 || (mass < (topP ?? 1) * total && weight >= floor);
    mass += weight;
    return stays;
  });
  const keptMass = kept.reduce((sum, { weight }) => sum + weight, 0);
  return new Map(kept.map(({ id, weight }) => [id, weight / keptMass]));
}

describe("drawToken", () => {
  it("draws from the truncated law, and reports its log q", () => {
    fc.assert(
      fc.property(
        fc.record({
          size: fc.integer({ min: 2, max: 300 }),
          seed: fc.nat(1000),
          spread: fc.constantFrom(0.5, 4, 20),
          inverseTemperature: fc.constantFrom(0.5, 1, 3),
          topK: fc.option(fc.integer({ min: 1, max: 100 }), { nil: undefined }),
          topP: fc.option(fc.constantFrom(0.1, 0.5, 0.9, 1), { nil: undefined }),
          minP: fc.option(fc.constantFrom(0, 0.05, 0.5, 1), { nil: undefined }),
        }),
        ({ size, seed, spread, ...options }) => {
          const logits = randomLogits(size, seed, spread);
          const sampling = Object.fromEntries(
            Object.entries(options).filter(([, value]) => value !== undefined),
          ) as unknown as Sampling;
          const law = reference(logits, sampling);
          let cumulative = 0;
          for (const [id, probability] of law) {
            // The middle of the token's cell must select it.
            const drawn = drawToken(logits, {
              sampling: sampling,
              u: cumulative + probability / 2,
              topCount: 0,
              sequence: [],
            });
            cumulative += probability;
            if (probability < 1e-9) continue;
            expect(drawn.token).toBe(id);
            expect(drawn.proposalLogprob).toBeCloseTo(Math.log(probability), 6);
          }
          expect(
            law.has(drawToken(logits, { sampling: sampling, u: 1 - 1e-16, topCount: 0, sequence: [] }).token),
          ).toBe(true);
        },
      ),
      { numRuns: 150, seed: 3 },
    );
  });

  it("finds the tail of a large vocabulary", () => {
    const logits = new Float32Array(5000);
    logits.fill(1);
    const { token, logprob } = drawToken(logits, {
      sampling: { inverseTemperature: 1 },
      u: 0.9,
      topCount: 0,
      sequence: [],
    });
    expect(token).toBe(4500);
    expect(logprob).toBeCloseTo(-Math.log(5000), 6);
  });

  it("breaks ties by the lower id, and is greedy with topK 1", () => {
    const logits = Float32Array.from([1, 3, 3, 2]);
    expect(
      drawToken(logits, { sampling: { inverseTemperature: 1, topK: 1 }, u: 0.999, topCount: 0, sequence: [] })
        .token,
    ).toBe(1);
    expect([...topTokens(measure(logits, 1), 3).ids]).toEqual([1, 2, 3]);
    expect([...topTokens(measure(logits, 1), 4).ids]).toEqual([1, 2, 3, 0]);
  });

  it("keeps −∞ logits out, and refuses NaN", () => {
    const masked = Float32Array.from([-Infinity, 2, -Infinity]);
    expect(
      drawToken(masked, { sampling: { inverseTemperature: 4 }, u: 0.5, topCount: 0, sequence: [] }),
    ).toMatchObject({
      token: 1,
      logprob: 0,
      entropy: 0,
    });
    expect(() =>
      drawToken(Float32Array.from([0, NaN]), {
        sampling: { inverseTemperature: 1 },
        u: 0.5,
        topCount: 0,
        sequence: [],
      }),
    ).toThrow(/not numbers/);
    expect(() =>
      drawToken(Float32Array.from([0, Infinity]), {
        sampling: { inverseTemperature: 1 },
        u: 0.5,
        topCount: 0,
        sequence: [],
      }),
    ).toThrow(/not numbers/);
  });

  it("never draws what cannot be drawn, wherever rounding leaves the CDF", () => {
    const almostOne = 1 - 2 ** -53;
    for (const sampling of [
      { inverseTemperature: 1 },
      { inverseTemperature: 4, topP: 0.999_999 },
      { inverseTemperature: 1, minP: 1e-30 },
    ]) {
      for (let seed = 0; seed < 300; seed++) {
        const logits = randomLogits(20, seed, 8);
        logits.fill(-Infinity, 12);
        const { token, proposalLogprob } = drawToken(logits, {
          sampling,
          u: almostOne,
          topCount: 0,
          sequence: [],
        });
        expect(token).toBeLessThan(12);
        expect(Number.isFinite(proposalLogprob)).toBe(true);
      }
    }
  });

  it("draws what is left when tokens are forbidden, and blames the request when nothing is", () => {
    const draw = (forbidden: number[]) =>
      drawToken(Float32Array.from([5, 1, 0]), {
        sampling: {
          inverseTemperature: 1,
          adjustments: { forbidden: { tokens: forbidden, until: 1 }, promptLength: 1 },
        },
        u: 1 - 2 ** -53,
        topCount: 0,
        sequence: [0],
      });
    expect(draw([0, 2]).token).toBe(1);
    expect(() => draw([0, 1, 2])).toThrow(
      expect.objectContaining({ code: "invalid_request", param: "min_tokens" }) as Error,
    );
  });

  it("never reports a positive log Z at 1/τ ≥ 1", () => {
    for (let seed = 0; seed < 500; seed++) {
      const logits = randomLogits(2 + (seed % 40), seed, seed % 3 === 0 ? 60 : 1);
      for (const inverseTemperature of [1, 1.5, 4, 40]) {
        expect(measure(logits, inverseTemperature).logNormalizer).toBeLessThanOrEqual(0);
      }
    }
  });

  it("scores a given token with the same number that its alternatives carry", () => {
    const logits = randomLogits(50, 4, 6);
    const { token, logprob, top } = core.scoreToken(measure(logits, 1), 17, 50);
    expect(token).toBe(17);
    expect(top!.logprobs[[...top!.ids].indexOf(17)]).toBe(logprob);
  });
});
