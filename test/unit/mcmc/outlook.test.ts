import { describe, expect, it } from "vitest";
import { Outlook } from "../../../src/mcmc/outlook.ts";

const short = { length: 0, ends: false, logWeight: -1 };

/** An outlook at length 3, after tokens of which each cost so many nats. */
function after(loss: number): Outlook {
  const outlook = new Outlook({ length: 0, ends: false, logWeight: 0 });
  for (const length of [1, 2]) outlook.advance([short, { length, ends: false, logWeight: -loss * length }]);
  return outlook;
}

describe("the outlook of a beginning", () => {
  it("is its weight less the loss per token so far for every token missing", () => {
    const outlook = after(0.5);
    expect(outlook.length).toBe(3);
    expect(outlook.of(short)).toBeCloseTo(-1 - 3 * 0.5, 12);
    expect(outlook.of({ ...short, length: 2 })).toBeCloseTo(-1.5, 12);
    expect(outlook.weightOf(short, outlook.of(short))).toBeCloseTo(-1, 12);
  });

  it("is its weight where none is missing, or it has ended", () => {
    for (const one of [
      { ...short, length: 3 },
      { ...short, ends: true },
    ]) {
      expect(after(0.5).of(one)).toBe(-1);
      expect(after(0.5).isShort(one)).toBe(false);
    }
  });

  it("never rises by waiting", () => {
    expect(after(-2).of(short)).toBe(-1);
  });

  it("keeps what it knows of the loss where it begins anew", () => {
    const outlook = after(0.5);
    outlook.beginAt({ length: 1, ends: false, logWeight: -7 });
    expect(outlook.length).toBe(2);
    expect(outlook.of(short)).toBeCloseTo(-1 - 2 * 0.5, 12);
  });
});
