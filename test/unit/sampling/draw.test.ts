import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Sampling } from "../../../src/sampling/distribution.ts";
import { topTokens } from "../../../src/sampling/distribution.ts";
import { logQ } from "../../../src/sampling/law.ts";
import * as core from "../../../src/sampling/draw.ts";
import type { DrawRequest } from "../../../src/sampling/draw.ts";
import { measure } from "../../../src/sampling/measure.ts";
import { logSumExp } from "../../../src/core/log-sum-exp.ts";
import { uniform } from "../../../src/core/random.ts";
import { logWeight } from "../../../src/mcmc/target.ts";
import { adjustLogits } from "../../../src/sampling/logit-adjustments.ts";

const randomLogits = (size: number, seed: number, spread: number): Float32Array =>
  Float32Array.from(
    { length: size },
    (_, id) => spread * uniform({ seed, choice: 0, stage: 0, step: 0 }, "token", id),
  );

const drawToken = (logits: Float32Array, request: DrawRequest) =>
  core.drawToken(measure(logits, request.sampling.inverseTemperature), request);

/** The law in plain words: sort, temper, then min_p, top_k and top_p, renormalised after each. */
function reference(
  logits: Float32Array,
  { inverseTemperature, topK, topP, minP }: Sampling,
): Map<number, number> {
  const order = [...logits.keys()].sort((a, b) => logits[b]! - logits[a]! || a - b);
  const max = Math.max(...logits);
  let weights = order.map((id) => ({ id, weight: Math.exp(inverseTemperature * (logits[id]! - max)) }));
  const floor = (minP ?? 0) * weights[0]!.weight;
  weights = weights.filter(({ weight }) => weight >= floor);
  if (topK !== undefined) weights = weights.slice(0, topK);
  const total = weights.reduce((sum, { weight }) => sum + weight, 0);
  let mass = 0;
  const kept = weights.filter(({ weight }, rank) => {
    const stays = rank === 0 || topP === undefined || topP === 1 || mass < topP * total;
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
            expect(logQ({ ...sampling, ...drawn }, drawn.logprob)).toBeCloseTo(Math.log(probability), 6);
          }
          expect(
            law.has(drawToken(logits, { sampling: sampling, u: 1 - 1e-16, topCount: 0, sequence: [] }).token),
          ).toBe(true);
        },
      ),
      { numRuns: 150, seed: 3 },
    );
  });

  const adjustments = fc.record(
    {
      bias: fc.constantFrom(new Map(), new Map([[1, 2.5]]), new Map([[0, -100]])),
      forbidden: fc.constantFrom({ tokens: [0], until: 9 }, { tokens: [1], until: 1 }),
      repetitionPenalty: fc.constantFrom(0.8, 1.3),
      frequencyPenalty: fc.constantFrom(-0.5, 0.7),
      presencePenalty: fc.constantFrom(-1, 0.4),
      promptLength: fc.constant(2),
    },
    { requiredKeys: ["promptLength"] },
  );
  const truncations = fc.record(
    {
      topK: fc.integer({ min: 1, max: 100 }),
      topP: fc.constantFrom(0.3, 0.9),
      minP: fc.constantFrom(0.02, 0.4),
    },
    { requiredKeys: [] },
  );

  it("has log q = (1/τ)·log p − log Z with the raw log p, whatever the law is made of", () => {
    let changed = 0;
    fc.assert(
      fc.property(
        fc.record({
          size: fc.integer({ min: 3, max: 200 }),
          seed: fc.nat(1000),
          inverseTemperature: fc.constantFrom(0.5, 1, 4),
          alpha: fc.constantFrom(1, 4),
          u: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
          truncation: truncations,
          adjustments: fc.option(adjustments, { nil: undefined }),
        }),
        ({ size, seed, inverseTemperature, alpha, u, truncation, adjustments }) => {
          const logits = randomLogits(size, seed, 6);
          const sequence = [2, 1, 1, 2, 2];
          const sampling = { inverseTemperature, ...truncation, ...(adjustments && { adjustments }) };
          const { token, logprob, logNormalizer } = drawToken(logits, { sampling, u, topCount: 0, sequence });
          const changedLogits = adjustments ? adjustLogits(logits, adjustments, sequence) : logits;
          const logQDirect = Math.log(reference(changedLogits, sampling).get(token)!);
          const raw = logits[token]! - logSumExp([...logits]);
          expect(logprob).toBeCloseTo(raw, 10);
          expect(logQ({ inverseTemperature, logNormalizer }, logprob)).toBeCloseTo(logQDirect, 9);
          // The importance weight that kernels and particles rest on, whatever it was drawn from.
          const weight = logWeight(
            { alpha, inverseTemperature },
            { token, logprob, logNormalizer, entropy: 0 },
          );
          expect(weight).toBeCloseTo(alpha * raw - logQDirect, 9);
          if (Math.abs(logNormalizer - measure(logits, inverseTemperature).logNormalizer) > 1e-3) changed++;
        },
      ),
      { numRuns: 400, seed: 4 },
    );
    // With the log Z of the raw law, which most of these are not, the identity would not have held.
    expect(changed).toBeGreaterThan(200);
  });

  it("has log q = 0 where it is greedy, with and without adjustments", () => {
    for (const adjustments of [undefined, { bias: new Map([[3, 50]]), promptLength: 0 }]) {
      const logits = randomLogits(100, 5, 8);
      const sampling = { inverseTemperature: 1, topK: 1, ...(adjustments && { adjustments }) };
      const { logprob, logNormalizer } = drawToken(logits, { sampling, u: 0.7, topCount: 0, sequence: [] });
      expect(logprob).toBeLessThan(-0.1);
      expect(logQ({ inverseTemperature: 1, logNormalizer }, logprob)).toBeCloseTo(0, 12);
    }
  });

  describe("truncates in vLLM's order: min_p, then top_k, then top_p", () => {
    /** Which tokens can be drawn of a distribution with these probabilities, ids in descending order of them. */
    const keptOf = (probabilities: number[], truncation: Omit<Sampling, "inverseTemperature">, tau = 1) => {
      const logits = Float32Array.from(probabilities, Math.log);
      const draws = Array.from({ length: 1000 }, (_, index) =>
        drawToken(logits, {
          sampling: { inverseTemperature: 1 / tau, ...truncation },
          u: (index + 0.5) / 1000,
          topCount: 0,
          sequence: [],
        }),
      );
      const shares = new Map<number, number>();
      for (const { token } of draws) shares.set(token, (shares.get(token) ?? 0) + 1 / 1000);
      return [...shares.values()];
    };
    const probabilities = [0.4, 0.3, 0.1, 0.08, 0.07, 0.05];

    it.each([
      // min_p leaves {0.4, 0.3}; 0.7 of their 0.7 is 0.49: both stay. Measured on the whole, the same two.
      [{ minP: 0.5, topP: 0.7 }, [4 / 7, 3 / 7]],
      // 0.5 of the 0.7 that min_p leaves is reached by 0.4 alone; 0.5 of the whole would take two.
      [{ minP: 0.5, topP: 0.5 }, [1]],
      // 0.87 of the 0.8 that min_p leaves is reached by two; 0.87 of the whole by four, of which it would leave three.
      [{ minP: 0.24, topP: 0.87 }, [4 / 7, 3 / 7]],
      // top_k takes {0.4, 0.3, 0.1} and min_p two of these; of their 0.7, half is reached by one.
      [{ minP: 0.5, topK: 3, topP: 0.5 }, [1]],
      // top_k is the narrower: top_p is measured on its 0.7.
      [{ minP: 0.1, topK: 2, topP: 0.57 }, [1]],
      [{ minP: 0.1, topK: 2, topP: 0.58 }, [4 / 7, 3 / 7]],
      [{ minP: 1, topP: 0.9 }, [1]],
      [{ minP: 0.5, topP: 0 }, [1]],
    ] as const)("%j", (truncation, shares) => {
      const kept = keptOf(probabilities, truncation);
      expect(kept).toHaveLength(shares.length);
      for (const [rank, share] of shares.entries()) expect(kept[rank]).toBeCloseTo(share, 2);
    });

    it("measures min_p after the temperature", () => {
      // At τ = 2 the law is ∝ √p: 0.632, 0.548, 0.316, 0.283, … of which 0.48 of the likeliest leaves three.
      expect(keptOf(probabilities, { minP: 0.48 }, 2)).toHaveLength(3);
      expect(keptOf(probabilities, { minP: 0.48 })).toHaveLength(2);
      // Of 0.632 + 0.548 + 0.316 = 1.497, 0.7 is reached by two and 0.8 by three; of the whole 2.27, 0.7 takes four.
      expect(keptOf(probabilities, { minP: 0.48, topP: 0.7 }, 2)).toHaveLength(2);
      expect(keptOf(probabilities, { minP: 0.48, topP: 0.8 }, 2)).toHaveLength(3);
    });

    it("keeps all that ties with the border of min_p, and of ties at top_k and top_p the lower ids", () => {
      const ties = [0.25, 0.25, 0.25, 0.25];
      expect(keptOf(ties, { minP: 1 })).toHaveLength(4);
      expect(keptOf(ties, { topK: 2 })).toHaveLength(2);
      expect(keptOf(ties, { minP: 1, topP: 0.5 })).toHaveLength(2);
    });

    it("finds what min_p leaves beyond the list of the likeliest, and measures top_p on it", () => {
      const size = 3000;
      const wide = Array.from({ length: size }, (_, id) => (id < 2000 ? 1 / 2100 : 0.1 / 2100));
      const logits = Float32Array.from(wide, Math.log);
      const last = (truncation: Omit<Sampling, "inverseTemperature">) =>
        drawToken(logits, {
          sampling: { inverseTemperature: 1, ...truncation },
          u: 1 - 1e-9,
          topCount: 0,
          sequence: [],
        }).token;
      expect(last({ minP: 0.5 })).toBe(1999);
      expect(last({ minP: 0.5, topP: 0.5 })).toBeCloseTo(1000, -1);
      expect(last({ minP: 0.5, topK: 1500, topP: 0.5 })).toBeCloseTo(750, -1);
    });
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
        const { token, logNormalizer } = drawToken(logits, {
          sampling,
          u: almostOne,
          topCount: 0,
          sequence: [],
        });
        expect(token).toBeLessThan(12);
        expect(Number.isFinite(logNormalizer)).toBe(true);
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
