import { describe, expect, it } from "vitest";
import type { Completion } from "../../../src/mcmc/completion.ts";
import { accepts, decide, rejectEarly } from "../../../src/mcmc/decide.ts";

const completionOf = (...tokens: number[]): Completion =>
  tokens.map((token) => ({ token, logprob: -1, logNormalizer: 0, entropy: 0 }));

const state = completionOf(1, 2, 3);
const proposalOf = (completion: Completion, logRatio: number) => ({
  completion,
  cut: 1,
  drawnTokens: 7,
  logRatio,
});

describe("a decision", () => {
  it("moves to the proposal below the ratio, and leaves the very state at it and above", () => {
    const proposal = proposalOf(completionOf(1, 4), -0.5);
    const below = decide(state, proposal, -0.5 - 1e-12);
    expect(below).toEqual({
      state: proposal.completion,
      info: { outcome: "accepted", cut: 1, suffix: completionOf(4), drawnTokens: 7, logRatio: -0.5 },
    });
    for (const logU of [-0.5, -0.5 + 1e-12, 0]) {
      const decided = decide(state, proposal, logU);
      expect(decided.state).toBe(state);
      expect(decided.info.outcome).toBe("rejected");
    }
  });

  it("leaves the very state where it was proposed itself, whatever the uniform", () => {
    for (const logU of [-Infinity, -1, 0]) {
      const decided = decide(state, proposalOf(completionOf(1, 2, 3), -2), logU);
      expect(decided.state).toBe(state);
      expect(decided.info.outcome).toBe("unchanged");
    }
  });

  it("takes no ratio that is not a number, and every infinite one", () => {
    expect(accepts(-1, NaN)).toBe(false);
    expect(accepts(0, Infinity)).toBe(true);
    expect(accepts(-800, -Infinity)).toBe(false);
  });

  it("keeps what was drawn of a proposal rejected early", () => {
    const decided = rejectEarly(state, proposalOf(completionOf(1, 9), -3));
    expect(decided.state).toBe(state);
    expect(decided.info).toMatchObject({ outcome: "rejected_early", suffix: completionOf(9), logRatio: -3 });
  });
});
