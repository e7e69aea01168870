import { describe, expect, it } from "vitest";
import { Stream } from "../../../lab/stream.ts";
import {
  changeEntropy,
  covariance,
  entropy,
  predictChange,
  softmax,
} from "../../../lab/tabular/entropy-change.ts";
import { checkQuadrants, checkTheorems, drawBandit } from "../../../lab/tabular/tables.ts";

const settings = { seed: 5, policies: 200, actions: 8 };

describe("the change of entropy by a policy-gradient step", () => {
  it.each(["vanilla", "natural"] as const)(
    "is what the theorem says, with an error of O(η²): %s",
    (gradient) => {
      const rows = checkTheorems(settings, [0.1, 0.05, 0.025]).filter((row) => row.gradient === gradient);
      for (const [index, { change, error }] of rows.entries()) {
        expect(error).toBeLessThan(0.2 * change);
        const half = rows[index + 1];
        if (half === undefined) continue;
        expect(error / half.error).toBeGreaterThan(3.8);
        expect(error / half.error).toBeLessThan(4.2);
        expect(change / half.change).toBeCloseTo(2, 0);
      }
    },
  );

  it("is not what the other theorem says: vanilla has π·A where natural has A", () => {
    const bandit = drawBandit(new Stream(1), 8);
    const probs = softmax(bandit.logits);
    const expected = probs.reduce((sum, p, a) => sum + p * bandit.rewards[a]!, 0);
    const advantages = bandit.rewards.map((reward) => reward - expected);
    const eta = 1e-4;
    const { actual } = changeEntropy(bandit, "vanilla", eta);
    const logs = probs.map(Math.log);
    const vanilla =
      -eta *
      covariance(
        probs,
        logs,
        advantages.map((advantage, a) => advantage * probs[a]!),
      );
    const natural = -eta * covariance(probs, logs, advantages);
    expect(actual / vanilla).toBeCloseTo(1, 3);
    expect(Math.abs(actual / natural - 1)).toBeGreaterThan(0.2);
    expect(changeEntropy(bandit, "natural", eta).actual / natural).toBeCloseTo(1, 2);
  });

  it("takes the gradient of the expected reward, by finite differences", () => {
    const { logits, rewards } = drawBandit(new Stream(2), 5);
    const expectedReward = (z: Float64Array): number =>
      softmax(z).reduce((sum, p, a) => sum + p * rewards[a]!, 0);
    const step = Float64Array.from(logits, (_, a) => {
      const at = (shift: number): number => expectedReward(logits.map((z, b) => (b === a ? z + shift : z)));
      return (at(1e-5) - at(-1e-5)) / 2e-5;
    });
    const { predicted } = changeEntropy({ logits, rewards }, "vanilla", 1);
    expect(predicted).toBeCloseTo(predictChange(softmax(logits), step), 8);
  });

  it("has the sign of its quadrant: raising the likely or lowering the unlikely sharpens", () => {
    for (const { likely, raised, falls, change, predicted } of checkQuadrants(settings, 1e-4)) {
      const sharpens = likely === raised;
      // An action just at the mean may go either way by the second order.
      if (sharpens) expect(falls).toBeGreaterThan(0.99);
      else expect(falls).toBeLessThan(0.01);
      expect(Math.sign(change)).toBe(sharpens ? -1 : 1);
      expect(change / predicted).toBeCloseTo(1, 2);
    }
  });

  it("knows the entropy of a uniform and of a certain policy", () => {
    expect(entropy(softmax(new Float64Array(4)))).toBeCloseTo(Math.log(4), 12);
    expect(entropy(softmax(Float64Array.of(40, 0, 0)))).toBeLessThan(1e-14);
    // Every action has the same log-probability: no step has an effect of first order.
    expect(predictChange(softmax(new Float64Array(3)), Float64Array.of(1, -2, 5))).toBeCloseTo(0, 12);
  });
});
