import { describe, expect, it } from "vitest";
import { adjustLogits } from "../../../src/sampling/logit-adjustments.ts";

const logits = Float32Array.from([2, -2, 1, 0, 4]);

describe("adjustLogits", () => {
  it("changes a copy, and only what is asked for", () => {
    expect([...adjustLogits(logits, { promptLength: 1 }, [0, 1, 2])]).toEqual([...logits]);
    const biased = adjustLogits(logits, { promptLength: 0, bias: new Map([[3, 5]]) }, []);
    expect([...biased]).toEqual([2, -2, 1, 5, 4]);
    expect(logits[3]).toBe(0);
  });

  it("forbids tokens until enough were generated", () => {
    const forbidden = { tokens: [4], until: 2 };
    expect(adjustLogits(logits, { promptLength: 3, forbidden }, [0, 0, 0, 1])[4]).toBe(-Infinity);
    expect(adjustLogits(logits, { promptLength: 3, forbidden }, [0, 0, 0, 1, 1])[4]).toBe(4);
  });

  it("repeats over prompt and completion, counts over the completion alone", () => {
    const repeated = adjustLogits(logits, { promptLength: 2, repetitionPenalty: 2 }, [0, 1, 2]);
    expect([...repeated]).toEqual([1, -4, 0.5, 0, 4]);
    const counted = adjustLogits(
      logits,
      { promptLength: 2, frequencyPenalty: 0.5, presencePenalty: 1 },
      [0, 1, 2, 2, 4],
    );
    expect([...counted]).toEqual([2, -2, -1, 0, 2.5]);
  });
});
