import { describe, expect, it } from "vitest";
import { TokenTimes } from "../../../../src/engine/remote/latency.ts";

describe("TokenTimes", () => {
  const timesOf = (times: TokenTimes): number[] => times.report.map(({ ms }) => ms);

  it("take the mean of what comes in bursts", () => {
    const times = new TokenTimes(4);
    for (let burst = 0; burst < 40; burst++)
      for (let token = 0; token < 8; token++) times.observe(1, 1, token === 0 ? 80 : 0);
    expect(times.at(1)).toBeCloseTo(10, 6);
  });

  it("and of what comes in one message", () => {
    const times = new TokenTimes(4);
    for (let message = 0; message < 40; message++) times.observe(2, 5, 60);
    expect(times.at(2)).toBeCloseTo(12, 6);
  });

  it("tell calls side by side from calls alone, in whatever turns they are seen", () => {
    const times = new TokenTimes(8);
    for (let token = 0; token < 16 * 200; token++) {
      times.observe(1, 1, 10);
      times.observe(8, 1, token % 4 === 0 ? 120 : 0);
      times.observe(7, 1, 30);
    }
    expect(times.at(1)).toBeCloseTo(10, 0);
    expect(times.at(8)).toBeGreaterThan(25);
    expect(times.at(8)).toBeLessThan(35);
  });

  it("know nothing until enough has come, and learn nothing of calls that are over", () => {
    const times = new TokenTimes(2);
    times.observe(0, 100, 500);
    times.observe(1, 3, 500);
    expect(timesOf(times)).toEqual([0, 0]);
  });
});
