import { describe, expect, it } from "vitest";
import type { TokenIds } from "../../src/core/tokens.ts";
import type { CompletionToken } from "../../src/mcmc/completion.ts";
import { uniformCut } from "../../src/mcmc/cut.ts";
import { entropyCut } from "../../src/mcmc/entropy-cut.ts";
import type { KernelFamily } from "../../src/mcmc/kernel.ts";
import { multipleTry } from "../../src/mcmc/multiple-try.ts";
import { singleTry } from "../../src/mcmc/single-try.ts";
import { allowedOf, constrainedSpace, constraintOf, textOf } from "../support/constrained-space.ts";
import type { Law, StateSpace } from "../support/state-space.ts";
import { createToyEngine } from "../support/toy-engine.ts";
import { createToyModel, powerDistribution } from "../support/toy-model.ts";
import { detailedBalanceViolation, transitionMatrix, violation } from "../support/transition-matrix.ts";

/**
 * The kernels under a constraint: the exact transition matrix over what the engine permits leaves p^α restricted to the
 * allowed completions invariant, p being the model's own law, whatever mass the mask takes away.
 */

const prompt = [0, 1];
/** Some texts are written in several ways. */
const spelling = ["a", "b", "ab"];
const model = createToyModel({ seed: 5, vocabularySize: 4, endBias: 0 });

const grammars = [
  { name: "ends of two lengths", pattern: "a|abb" },
  { name: "repetition", pattern: "(ab|ba)*b?" },
  { name: "dead ends that a mask alone falls into", pattern: "a{4}|b" },
];

const horizons = [2, 4];

const laws: Law[] = [
  { alpha: 1, inverseTemperature: 1 },
  { alpha: 2, inverseTemperature: 2 },
  { alpha: 4, inverseTemperature: 4 },
  { alpha: 4, inverseTemperature: 1.5 },
];

const spaceOf = (pattern: string, horizon: number, law: Law): Promise<StateSpace> => {
  const constraint = constraintOf({ kind: "regex", pattern }, spelling, model.endToken);
  return constrainedSpace(createToyEngine({ model }), model.endToken, { prompt, horizon, law, constraint });
};

/** By the runtime's own regular expressions: every continuation of a few characters is tried. */
function oracleOf(pattern: string) {
  const whole = new RegExp(`^(?:${pattern})$`);
  const isBegun = (text: string, more = 5): boolean =>
    whole.test(text) || (more > 0 && ["a", "b"].some((next) => isBegun(text + next, more - 1)));
  return {
    isWhole: (tokens: TokenIds) => whole.test(textOf(tokens, spelling)),
    isBegun: (tokens: TokenIds) => isBegun(textOf(tokens, spelling)),
  };
}

const keyOf = (tokens: TokenIds): string => tokens.join();

/** p^α over the allowed completions, in the order of a space. */
function targetOf(pattern: string, { completions, horizon, law }: StateSpace): number[] {
  const allowed = allowedOf(model, { prompt, horizon }, oracleOf(pattern));
  const masses = powerDistribution(allowed, law.alpha);
  const byTokens = new Map(allowed.map(({ tokens }, index) => [keyOf(tokens), masses[index]!]));
  expect(completions.map(({ tokens }) => keyOf(tokens)).sort()).toEqual([...byTokens.keys()].sort());
  return completions.map(({ tokens }) => byTokens.get(keyOf(tokens))!);
}

const rounding = 1e-12;
const caught = 1e-6;

async function expectLaw(family: KernelFamily, pattern: string, space: StateSpace): Promise<void> {
  const matrix = await transitionMatrix(family(space.law), space);
  for (const row of matrix) expect(row.reduce((sum, mass) => sum + mass, 0)).toBeCloseTo(1, 10);
  const pi = targetOf(pattern, space);
  expect(violation(matrix, pi)).toBeLessThan(rounding);
  expect(detailedBalanceViolation(matrix, pi)).toBeLessThan(rounding);
}

/** What drawing token by token from what is permitted comes to: Π p_t / Z_t. */
const maskedLaw = ({ states, law }: StateSpace): number[] =>
  states.map((state) =>
    Math.exp(
      state.reduce((sum, token) => sum + law.inverseTemperature * token.logprob - token.logNormalizer, 0),
    ),
  );

const distance = (one: readonly number[], other: readonly number[]): number =>
  one.reduce((sum, mass, index) => sum + Math.abs(mass - other[index]!), 0) / 2;

describe.each(grammars)("completions held to $pattern", ({ pattern }) => {
  it.each(horizons)(
    "are those that it allows, and what %s tokens cut off on the way to such",
    async (horizon) => {
      const space = await spaceOf(pattern, horizon, laws[0]!);
      expect(space.states.length).toBeGreaterThan(0);
      // Asserts that the engine permits these and no others.
      targetOf(pattern, space);
      for (const state of space.states)
        for (const token of state) expect(token.logNormalizer).toBeLessThanOrEqual(0);
    },
  );

  it.each(horizons)("come from p^alpha by single tries, horizon %s", async (horizon) => {
    for (const law of laws)
      for (const cut of [uniformCut, entropyCut])
        await expectLaw(singleTry(cut), pattern, await spaceOf(pattern, horizon, law));
  });

  it("come from p^alpha by several tries", async () => {
    for (const law of [laws[0]!, laws[3]!])
      await expectLaw(multipleTry(uniformCut, 2), pattern, await spaceOf(pattern, 2, law));
  });
});

describe("a mask alone", () => {
  it("draws from another law than the model's own restricted to what is allowed", async () => {
    const pattern = "a{4}|b";
    const space = await spaceOf(pattern, 6, { alpha: 1, inverseTemperature: 1 });
    const masked = maskedLaw(space);
    expect(masked.reduce((sum, mass) => sum + mass, 0)).toBeCloseTo(1, 10);
    expect(distance(masked, targetOf(pattern, space))).toBeGreaterThan(0.25);
    // The chain's target is the other one: the masked law is not invariant under it.
    const matrix = await transitionMatrix(singleTry(uniformCut)(space.law), space);
    expect(violation(matrix, masked)).toBeGreaterThan(0.01);
  });

  it("would be caught in the weights: with the masked p in p's place, another law stays", async () => {
    for (const { pattern } of grammars) {
      const law = { alpha: 4, inverseTemperature: 4 };
      const space = await spaceOf(pattern, 4, law);
      const plain = await spaceOf(pattern, 4, { alpha: 4, inverseTemperature: 1 });
      // log p − log Z at τ = 1 is the log-prob of the masked and renormalised model, and what its own log Z is follows.
      const states = space.states.map((state, index) =>
        state.map((token, position): CompletionToken => {
          const logMass = plain.states[index]![position]!.logNormalizer;
          return {
            ...token,
            logprob: token.logprob - logMass,
            logNormalizer: token.logNormalizer - law.inverseTemperature * logMass,
          };
        }),
      );
      const matrix = await transitionMatrix(singleTry(uniformCut)(law), { ...space, states });
      expect(violation(matrix, targetOf(pattern, space))).toBeGreaterThan(caught);
    }
  });
});
