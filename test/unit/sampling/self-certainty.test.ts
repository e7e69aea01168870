import { describe, expect, test } from "vitest";
import { measure } from "../../../src/sampling/measure.ts";
import { selfCertaintyOf } from "../../../src/sampling/self-certainty.ts";

/** −1/V·Σ log(V·p), as the paper writes it. */
function asWritten(logits: readonly number[]): number {
  const total = logits.reduce((sum, logit) => sum + Math.exp(logit), 0);
  const size = logits.length;
  return -logits.reduce((sum, logit) => sum + Math.log((size * Math.exp(logit)) / total), 0) / size;
}

const certaintyOf = (...logits: number[]): number => selfCertaintyOf(measure(Float32Array.from(logits), 1));

describe("self-certainty of a distribution", () => {
  test.each([[[0, 1, 2]], [[-3, 7, 0.5, 0.25]], [[12, 12, -12]], [[0, -40]]])("%j", (logits) => {
    expect(certaintyOf(...logits)).toBeCloseTo(asWritten(logits), 6);
  });

  test("is 0 where all tokens are alike, whatever their number", () => {
    expect(certaintyOf(3, 3, 3, 3)).toBeCloseTo(0, 12);
    expect(certaintyOf(...new Array<number>(1000).fill(-7.25))).toBeCloseTo(0, 6);
  });

  test("is ½·log(1/4pq) of two tokens", () => {
    const p = 1 / (1 + Math.exp(-2));
    expect(certaintyOf(2, 0)).toBeCloseTo(-0.5 * Math.log(4 * p * (1 - p)), 6);
  });

  test("leaves out tokens that the model does not have", () => {
    expect(certaintyOf(0, -Infinity, 1, 2, -Infinity)).toBeCloseTo(asWritten([0, 1, 2]), 6);
    expect(certaintyOf(5, -Infinity)).toBe(0);
  });

  test("does not depend on the temperature that a law is measured at", () => {
    const logits = Float32Array.of(1, -2, 0.5);
    expect(selfCertaintyOf(measure(logits, 4))).toBe(selfCertaintyOf(measure(logits, 1)));
  });
});
