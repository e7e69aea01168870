import { describe, expect, it } from "vitest";
import { groupAdvantages, powerAdvantages } from "../../../../lab/rl/advantage.ts";
import type { Likelihoods } from "../../../../lab/rl/advantage.ts";
import { Stream } from "../../../../lab/stream.ts";
import { softmax } from "../../../../lab/tabular/entropy-change.ts";

describe("group advantages", () => {
  it("divide by the unbiased standard deviation: one right of eight has 2.475", () => {
    const advantages = groupAdvantages([1, 0, 0, 0, 0, 0, 0, 0]);
    expect(advantages[0]).toBeCloseTo(2.475, 3);
    expect(advantages[1]).toBeCloseTo(-2.475 / 7, 3);
    expect(advantages.reduce((sum, advantage) => sum + advantage, 0)).toBeCloseTo(0, 12);
    // std = √(2/3·…): rewards 1, 1, 0 have mean 2/3 and variance 1/3.
    expect(groupAdvantages([1, 1, 0])[2]).toBeCloseTo(-2 / 3 / (Math.sqrt(1 / 3) + 1e-6), 12);
  });

  it("are zero, not NaN, where all rewards are equal, and a group of one is refused", () => {
    expect(groupAdvantages([1, 1, 1])).toEqual([0, 0, 0]);
    expect(groupAdvantages([0, 0])).toEqual([0, 0]);
    expect(() => groupAdvantages([1])).toThrow(/two responses/);
  });
});

/**
 * Responses of two tokens of a and b. The base likes `a` first, but what follows it is undecided, while after `b` it is
 * sure: p^4 prefers `b`, and sharpening token by token prefers `a`.
 */
const responses = ["aa", "ab", "ba", "bb"] as const;
const prefixes = ["", "a", "b"] as const;
/** Logits of `a` and `b` after each prefix. */
type Tree = Readonly<Record<(typeof prefixes)[number], Float64Array>>;
const base: Tree = {
  "": Float64Array.of(Math.log(0.6), Math.log(0.4)),
  a: Float64Array.of(Math.log(0.55), Math.log(0.45)),
  b: Float64Array.of(Math.log(0.02), Math.log(0.98)),
};
const alpha = 4;

const tokenOf = (letter: string): number => (letter === "a" ? 0 : 1);
const logProbOf = (tree: Tree, response: string): number =>
  Math.log(softmax(tree[""])[tokenOf(response[0]!)]!) +
  Math.log(softmax(tree[response[0] as "a" | "b"])[tokenOf(response[1]!)]!);
const lawOf = (tree: Tree): Float64Array =>
  Float64Array.from(responses, (response) => Math.exp(logProbOf(tree, response)));
const target = softmax(Float64Array.from(responses, (response) => alpha * logProbOf(base, response)));
const sharpened: Tree = { "": scaled(base[""]), a: scaled(base.a), b: scaled(base.b) };

function scaled(logits: Float64Array): Float64Array {
  return logits.map((logit) => alpha * logit);
}

const likelihoodsOf = (tree: Tree, drawn: readonly string[]): Likelihoods[] =>
  drawn.map((response) => ({
    logProb: logProbOf(tree, response),
    baseLogProb: logProbOf(base, response),
  }));

/** (1/G)·Σ A_i·∇log π(x_i) by the logits: what one step of the policy gradient climbs. */
function climb(tree: Tree, drawn: readonly string[], advantages: readonly number[]): Tree {
  const gradient = { "": new Float64Array(2), a: new Float64Array(2), b: new Float64Array(2) };
  for (const [i, response] of drawn.entries()) {
    for (const prefix of ["", response[0] as "a" | "b"] as const) {
      const token = tokenOf(response[prefix.length]!);
      const probs = softmax(tree[prefix]);
      for (const a of [0, 1])
        gradient[prefix][a]! += (advantages[i]! * ((a === token ? 1 : 0) - probs[a]!)) / drawn.length;
    }
  }
  return gradient;
}

const distance = (a: Float64Array, b: Float64Array): number =>
  a.reduce((sum, p, i) => sum + Math.abs(p - b[i]!), 0) / 2;

describe("power advantages", () => {
  const uniform: Tree = { "": new Float64Array(2), a: new Float64Array(2), b: new Float64Array(2) };

  it("are G·w − 1 with w ∝ p^alpha/π, whatever the scale of the likelihoods", () => {
    const advantages = powerAdvantages(likelihoodsOf(uniform, responses), alpha);
    for (const [i, advantage] of advantages.entries()) expect(advantage).toBeCloseTo(4 * target[i]! - 1, 12);
    const far = likelihoodsOf(uniform, responses).map(({ logProb, baseLogProb }) => ({
      logProb: logProb - 500,
      baseLogProb: baseLogProb - 500,
    }));
    for (const [i, advantage] of powerAdvantages(far, alpha).entries())
      expect(advantage).toBeCloseTo(advantages[i]!, 9);
    expect(() => powerAdvantages(likelihoodsOf(uniform, ["aa"]), alpha)).toThrow(/two responses/);
  });

  it("climb down KL(p^alpha/Z ‖ π): its slopes by finite differences", () => {
    // Every response once is what a uniform policy draws on average.
    const gradient = climb(uniform, responses, powerAdvantages(likelihoodsOf(uniform, responses), alpha));
    const divergence = (tree: Tree): number =>
      responses.reduce((sum, response, i) => sum - target[i]! * logProbOf(tree, response), 0);
    for (const prefix of prefixes)
      for (const a of [0, 1]) {
        const at = (step: number): number =>
          divergence({ ...uniform, [prefix]: uniform[prefix].map((z, b) => (a === b ? z + step : z)) });
        expect(gradient[prefix][a]).toBeCloseTo(-(at(1e-5) - at(-1e-5)) / 2e-5, 8);
      }
  });

  it("are zero at p^alpha, however few the responses, and not at the law of a low temperature", () => {
    const pair = ["aa", "bb"];
    const atTarget = pair.map((response) => ({
      logProb: Math.log(target[responses.indexOf(response as "aa")]!),
      baseLogProb: logProbOf(base, response),
    }));
    for (const advantage of powerAdvantages(atTarget, alpha)) expect(advantage).toBeCloseTo(0, 12);
    const [guess, sure] = powerAdvantages(likelihoodsOf(sharpened, pair), alpha);
    expect([guess! < -0.3, sure! > 0.3]).toEqual([true, true]);
  });

  it("bring a policy of tables to p^alpha from groups that it draws, from the base or from anywhere", () => {
    const stream = new Stream(3);
    for (const start of [base, uniform]) {
      let tree = start;
      for (let step = 0; step < 4000; step++) {
        const law = lawOf(tree);
        const drawn = Array.from({ length: 8 }, () => draw(law, stream));
        const gradient = climb(tree, drawn, powerAdvantages(likelihoodsOf(tree, drawn), alpha));
        const move = (prefix: (typeof prefixes)[number]): Float64Array =>
          tree[prefix].map((z, a) => z + 0.2 * gradient[prefix][a]!);
        tree = { "": move(""), a: move("a"), b: move("b") };
      }
      expect(distance(lawOf(tree), target)).toBeLessThan(0.01);
    }
    expect(distance(lawOf(sharpened), target)).toBeGreaterThan(0.4);
  });
});

function draw(law: Float64Array, stream: Stream): string {
  let uniform = stream.uniform();
  return responses.find((_, i) => (uniform -= law[i]!) < 0) ?? "bb";
}
