import { describe, expect, it } from "vitest";
import { evenly, formatTimes } from "../../../web/src/format.ts";

describe("how many times", () => {
  it("is never once what is told to be more", () => {
    expect(formatTimes(evenly + 1e-9)).toBe("1.1 times");
    expect(formatTimes(Math.log(2))).toBe("2 times");
    expect(formatTimes(Math.log(1500))).toBe("1,500 times");
  });
});
