import { describe, expect, it } from "vitest";
import { countOf, quantile, summarizeCovariances, tokenCovariances } from "../../../../lab/rl/covariance.ts";

describe("token covariances", () => {
  // Two responses: a good one, surely written; a bad one with a rare token.
  const logProbs = Float64Array.of(-0.1, -0.3, -0.2, -5);
  const advantages = Float64Array.of(1, 1, -1, -1);

  it("are centred cross-products whose mean is the covariance", () => {
    const covariances = tokenCovariances(logProbs, advantages);
    expect([...covariances].map((value) => Number(value.toFixed(6)))).toEqual([1.3, 1.1, -1.2, 3.6]);
  });

  it("are zero within one response, so that micro-batches of one select nothing by merit", () => {
    const apart = [0, 2].flatMap((from) => [
      ...tokenCovariances(logProbs.subarray(from, from + 2), advantages.subarray(from, from + 2)),
    ]);
    expect(apart.map(Math.abs)).toEqual([0, 0, 0, 0]);
  });

  it("are summed up by top fraction and by quadrant", () => {
    const { top, quadrants } = summarizeCovariances(logProbs, advantages);
    expect(top["0.2%"]).toBeCloseTo(3.6, 12);
    expect(top["100%"]).toBeCloseTo(1.2, 12);
    expect(quadrants.unlikelyBad).toEqual({
      share: 0.25,
      mean: expect.closeTo(3.6, 12) as number,
      shareOfTop2: 1,
    });
    expect(quadrants.likelyGood).toEqual({
      share: 0.5,
      mean: expect.closeTo(1.2, 12) as number,
      shareOfTop2: 0,
    });
    expect(quadrants.likelyBad.mean).toBeCloseTo(-1.2, 12);
    expect(quadrants.unlikelyGood).toEqual({ share: 0, mean: 0, shareOfTop2: 0 });
  });

  it("pick at least one token, so that small fractions of a small batch are all the same", () => {
    expect([countOf(2e-4, 300), countOf(2e-3, 300), countOf(0.01, 300), countOf(0, 300)]).toEqual([
      1, 1, 3, 1,
    ]);
    expect([0, 0.5, 0.75, 1].map((q) => quantile(Float64Array.of(4, 1, 3, 2), q))).toEqual([1, 3, 4, 4]);
  });
});
