import { describe, expect, it } from "vitest";
import { option, seedFrom } from "../../../src/commands/options.ts";

describe("--seed", () => {
  it.each([
    ["7", 7],
    ["-5", -5],
    ["9007199254740991", 9007199254740991],
    ["9223372036854775807", "9223372036854775807"],
    ["-9223372036854775808", "-9223372036854775808"],
    ["18446744073709551615", "18446744073709551615"],
  ])("%s is any integer of 64 bits, to the last bit", (text, seed) => {
    expect(seedFrom(text)).toBe(seed);
  });

  it.each(["", " ", "1.5", "seven", "36893488147419103232", "1e300"])("refuses %j", (text) => {
    expect(() => seedFrom(text)).toThrow(/a whole number of 64 bits/);
  });
});

describe("an option's variable", () => {
  it.each([
    ["--int4-compute <type>", "METROPOLIS_INT4_COMPUTE"],
    ["--no-memo", "METROPOLIS_MEMO"],
    ["--no-speculation", "METROPOLIS_SPECULATION"],
    ["--max-gap-ms <ms>", "METROPOLIS_MAX_GAP_MS"],
  ])("of %s is %s", (flags, name) => {
    expect(option(flags, "").envVar).toBe(name);
  });
});
