import { describe, expect, it } from "vitest";
import { completionsHeld, tokensRemembered } from "../../../src/samplers/registry.ts";
import type { SamplerDefaults } from "../../../src/samplers/sampler.ts";

const defaults: SamplerDefaults = { alpha: 4, mcmcSteps: undefined, blockSize: undefined };

describe("what exact holds beside an answer", () => {
  it.each([
    [{}, 64, 65_536],
    [{ max_tries: 100_000 }, 8000, 65_536],
    // Prefixes that its tries can come by: they share the first.
    [{ max_tries: 10 }, 11, 16 * 101],
    [{ max_tries: 1 }, 1, 16],
    [{ max_tries: 100_000 }, 1, 16],
  ])("is its envelope: %j of %i tokens", (given, maxTokens, tokens) => {
    expect(tokensRemembered("exact", given, maxTokens)).toBe(tokens);
  });

  it("is what the chain of its fallback holds, too", () => {
    expect(completionsHeld("exact", {}, defaults)).toBe(1);
    expect(completionsHeld("exact", { fallback: "none" }, defaults)).toBe(1);
    expect(completionsHeld("exact", { fallback: "power" }, defaults)).toBe(
      completionsHeld("power", {}, defaults),
    );
    expect(completionsHeld("exact", { fallback: "power" }, { ...defaults, blockSize: 3 })).toBe(1);
    // A chain of plain draws has no particles.
    expect(completionsHeld("exact", { fallback: "power", alpha: 1 }, defaults)).toBe(1);
  });

  it("is nothing for samplers without one", () => {
    for (const sampler of ["standard", "power", "smc", "maximize"] as const)
      expect(tokensRemembered(sampler, {}, 8000)).toBe(0);
  });
});
