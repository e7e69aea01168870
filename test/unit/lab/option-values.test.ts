import { describe, expect, it } from "vitest";
import {
  toCount,
  toNumber,
  toPositive,
  toShare,
  toWeight,
  toWidth,
  toWindow,
} from "../../../lab/option-values.ts";

describe("what options of the lab take", () => {
  it("numbers and counts", () => {
    expect([toNumber("2e-5"), toNumber("-1"), toCount("8")]).toEqual([2e-5, -1, 8]);
    for (const text of ["", " ", "x", "1x", "Infinity"]) expect(() => toNumber(text)).toThrow(/no number/);
    for (const text of ["0", "1.5", "-2"]) expect(() => toCount(text)).toThrow(/whole number/);
  });

  it("weights, rates and shares in their ranges", () => {
    expect([toWeight("0"), toPositive("2e-5"), toShare("1")]).toEqual([0, 2e-5, 1]);
    expect(() => toWeight("-1")).toThrow(/less than 0/);
    for (const text of ["0", "-1"]) expect(() => toPositive(text)).toThrow(/not over 0/);
    expect(() => toShare("1.1")).toThrow(/at most 1/);
  });

  it("widths that heads of 16 divide", () => {
    expect(toWidth("48")).toBe(48);
    for (const text of ["50", "8"]) expect(() => toWidth(text)).toThrow(/multiple of 16/);
    expect(() => toWidth("0")).toThrow(/whole number/);
  });

  it("windows, as values or as quantiles", () => {
    expect(toWindow("1,5")).toEqual({ low: 1, high: 5 });
    expect(toWindow("q0.97,q1")).toEqual({ quantiles: [0.97, 1] });
    for (const text of ["1", "5,1", "q0.5,1", "a,b", "1,5,9"])
      expect(() => toWindow(text)).toThrow(/LOW,HIGH/);
    expect(() => toWindow("q0.5,q2")).toThrow(/at most 1/);
  });
});
