import { describe, expect, it } from "vitest";
import { adjustMethod, methods, resolveLoss } from "../../../../lab/rl/methods.ts";
import { policyLoss } from "../../../../lab/rl/policy-loss.ts";
import type { LossSettings, Tokens } from "../../../../lab/rl/policy-loss.ts";
import { Stream } from "../../../../lab/stream.ts";

const size = 40;

/** Four responses of ten tokens; the policy has moved by about `shift` since they were drawn. */
function drawTokens(shift: number, seed = 1): Required<Tokens> {
  const stream = new Stream(seed);
  const draw = (f: () => number): Float64Array => Float64Array.from({ length: size }, f);
  const oldLogProbs = draw(() => Math.log(stream.uniform()));
  const advantages = Float64Array.from(
    { length: size },
    (_, i) => [1.2, -0.4, 0.5, -1.3][Math.floor(i / 10)]!,
  );
  const move = (): Float64Array => oldLogProbs.map((logProb) => logProb + shift * stream.normal());
  return { logProbs: move(), oldLogProbs, advantages, referenceLogProbs: move() };
}

const lossOf = (tokens: Tokens, settings: LossSettings, seed = 9) =>
  policyLoss(tokens, settings, new Stream(seed));

const clip = { low: 0.2, high: 0.2 };
const every = {
  "policy gradient": {},
  grpo: { clip },
  "clip-higher": { clip: { low: 0.2, high: 0.28 } },
  "reference-kl": { clip, referenceKl: 0.1 },
  "clip-cov": { clip: { low: 1, high: 1 }, clipCov: { fraction: 0.1, low: 0.5, high: 5 } },
  "kl-cov": { klCov: { fraction: 0.1, coefficient: 0.7 } },
  "power-distillation": { referenceKl: 0.3 },
} satisfies Record<string, LossSettings>;

/** The losses again, token by token, from the paper's formulas; `acted` says which tokens the covariance picked. */
function plainLoss(tokens: Required<Tokens>, settings: LossSettings, acted: ReadonlySet<number>): number {
  let sum = 0;
  for (let i = 0; i < size; i++) {
    const [now, old, a] = [tokens.logProbs[i]!, tokens.oldLogProbs[i]!, tokens.advantages[i]!];
    const ratio = Math.exp(now) / Math.exp(old);
    let term = -a * ratio;
    if (settings.clip) {
      const { low, high } = settings.clip;
      const clipped = ratio < 1 - low ? 1 - low : ratio > 1 + high ? 1 + high : ratio;
      term = Math.max(-a * ratio, -a * clipped);
    }
    if (settings.clipCov && acted.has(i)) term = 0;
    if (settings.klCov && acted.has(i)) term += settings.klCov.coefficient * Math.abs(now - old);
    const toReference = tokens.referenceLogProbs[i]! - now;
    if (settings.referenceKl) term += settings.referenceKl * (Math.exp(toReference) - toReference - 1);
    sum += term;
  }
  return sum / size;
}

/** Tokens whose slope differs from that of the same loss without the covariance part. */
function actedOn(tokens: Tokens, settings: LossSettings): Set<number> {
  const { clipCov: _clipCov, klCov: _klCov, ...rest } = settings;
  const [withPart, without] = [lossOf(tokens, settings).gradient, lossOf(tokens, rest).gradient];
  return new Set([...withPart.keys()].filter((i) => withPart[i] !== without[i]));
}

const covarianceOf = ({ logProbs, advantages }: Tokens): number[] => {
  const mean = (values: Float64Array): number => values.reduce((sum, value) => sum + value, 0) / size;
  const [l, a] = [mean(logProbs), mean(advantages)];
  return [...logProbs].map((logProb, i) => (logProb - l) * (advantages[i]! - a));
};

describe.each(Object.entries<LossSettings>(every))("the loss %s", (_name, settings) => {
  it.each([0.01, 0.3, 1])(
    "has the value of its formula and the slopes of finite differences, shift %d",
    (shift) => {
      const tokens = drawTokens(shift);
      const acted = actedOn(tokens, settings);
      const { value, gradient } = lossOf(tokens, settings);
      expect(value).toBeCloseTo(plainLoss(tokens, settings, acted), 12);
      for (let i = 0; i < size; i++) {
        // The selection stays as it is: covariance only selects, its own slope is not part of the loss.
        const at = (step: number): number => {
          const logProbs = tokens.logProbs.map((logProb, j) => (j === i ? logProb + step : logProb));
          return plainLoss({ ...tokens, logProbs }, settings, acted);
        };
        expect(gradient[i]!).toBeCloseTo((at(1e-6) - at(-1e-6)) / 2e-6, 7);
      }
    },
  );
});

describe("the clip", () => {
  const one = (logRatio: number, advantage: number, settings: LossSettings) =>
    lossOf(
      {
        logProbs: Float64Array.of(-1 + logRatio),
        oldLogProbs: Float64Array.of(-1),
        advantages: Float64Array.of(advantage),
      },
      settings,
    );

  it("stops what has moved far in the direction of its advantage, never the way back", () => {
    expect(one(Math.log(1.25), 1, every.grpo)).toMatchObject({ value: -1.2, clippedRatios: 1 });
    expect(one(Math.log(1.25), 1, every.grpo).gradient[0]).toBe(0);
    expect(one(Math.log(1.25), -1, every.grpo).gradient[0]).toBeCloseTo(1.25, 12);
    expect(one(Math.log(0.7), -1, every.grpo)).toMatchObject({ value: 0.8, clippedRatios: 1 });
    expect(one(Math.log(0.7), 1, every.grpo).gradient[0]).toBeCloseTo(-0.7, 12);
  });

  it("higher lets a good token rise further, and clips what falls as before", () => {
    expect(one(Math.log(1.25), 1, every["clip-higher"]).gradient[0]).toBeCloseTo(-1.25, 12);
    expect(one(Math.log(1.3), 1, every["clip-higher"]).gradient[0]).toBe(0);
    expect(one(Math.log(0.7), -1, every["clip-higher"]).gradient[0]).toBe(0);
  });
});

describe("KL-Cov", () => {
  it("does nothing on the first update after a rollout: its slope there is that of the plain gradient", () => {
    const tokens = drawTokens(0);
    const plain = lossOf(tokens, {});
    const { value, gradient, selected } = lossOf(tokens, every["kl-cov"]);
    expect([value, gradient, selected]).toEqual([plain.value, plain.gradient, 4]);
    expect(actedOn(drawTokens(0.01), every["kl-cov"]).size).toBe(4);
  });

  it("acts on the tokens of highest covariance over the whole minibatch, and clips no ratio", () => {
    const tokens = drawTokens(1);
    const covariances = covarianceOf(tokens);
    const highest = [...covariances.keys()].sort((a, b) => covariances[b]! - covariances[a]!).slice(0, 4);
    expect(actedOn(tokens, every["kl-cov"])).toEqual(new Set(highest));
    expect(lossOf(tokens, every["kl-cov"]).clippedRatios).toBe(0);
    expect(lossOf(tokens, every.grpo).clippedRatios).toBeGreaterThan(5);
  });
});

describe("Clip-Cov", () => {
  it("drops tokens inside its window alone, others from another stream", () => {
    const tokens = drawTokens(0.01);
    const { clipCov } = every["clip-cov"];
    const covariances = covarianceOf(tokens);
    const inside = [...covariances.keys()].filter(
      (i) => covariances[i]! >= clipCov.low && covariances[i]! <= clipCov.high,
    );
    const chosen = new Set<number>();
    for (let seed = 0; seed < 40; seed++) {
      const { gradient, selected, candidates } = lossOf(tokens, every["clip-cov"], seed);
      const dropped = [...gradient.keys()].filter((i) => gradient[i] === 0);
      expect([dropped.length, selected, candidates]).toEqual([4, 4, inside.length]);
      for (const i of dropped) chosen.add(i);
    }
    expect([...chosen].sort((a, b) => a - b)).toEqual(inside);
  });

  it("says when nothing lies in its window, where it is GRPO with its own clip", () => {
    const tokens = drawTokens(0.3);
    const settings = { clip, clipCov: { fraction: 0.1, low: 50, high: 60 } };
    expect(lossOf(tokens, settings)).toEqual(lossOf(tokens, { clip }));
    expect(lossOf(tokens, settings)).toMatchObject({ candidates: 0, selected: 0 });
  });

  it("does not choose from tokens that the ratio clip has stopped already", () => {
    const tokens = drawTokens(1);
    const window = { fraction: 1, low: -Infinity, high: Infinity };
    const { candidates, clippedRatios } = lossOf(tokens, { clip, clipCov: window });
    expect(clippedRatios).toBeGreaterThan(5);
    expect(candidates).toBe(size - clippedRatios);
  });

  it("with a tiny fraction acts on one token all the same", () => {
    const tokens = drawTokens(0.01);
    const at = (fraction: number) => lossOf(tokens, { clipCov: { ...every["clip-cov"].clipCov, fraction } });
    expect(at(2e-4)).toEqual(at(0.02));
    expect(at(2e-4).selected).toBe(1);
  });

  it("is blind within one response, where every covariance is zero", () => {
    const whole = drawTokens(0.01);
    const tokens: Tokens = {
      logProbs: whole.logProbs.subarray(0, 10),
      oldLogProbs: whole.oldLogProbs.subarray(0, 10),
      advantages: whole.advantages.subarray(0, 10),
    };
    expect(lossOf(tokens, every["clip-cov"]).candidates).toBe(0);
  });

  it("takes its window from the quantiles of the first step", () => {
    const tokens = drawTokens(0);
    const method = { clipCov: { fraction: 0.1, window: { quantiles: [0.75, 1] as const } } };
    const { clipCov } = resolveLoss(method, tokens);
    const sorted = covarianceOf(tokens).sort((a, b) => a - b);
    expect(clipCov).toEqual({
      fraction: 0.1,
      low: expect.closeTo(sorted[30]!, 12) as number,
      high: expect.closeTo(sorted[39]!, 12) as number,
    });
    expect(lossOf(tokens, { clipCov: clipCov! }).candidates).toBe(10);
  });
});

describe("the methods", () => {
  it("are the named ones with the parts asked for, and refuse parts they do not have", () => {
    expect(adjustMethod("kl-cov", { fraction: 0.01 }).klCov).toEqual({
      ...methods["kl-cov"].klCov,
      fraction: 0.01,
    });
    expect(adjustMethod("entropy-bonus", { coefficient: 0.1 })).toEqual({ clip, entropyBonus: 0.1 });
    expect(adjustMethod("clip-cov", { window: { low: 1, high: 5 } }).clipCov?.window).toEqual({
      low: 1,
      high: 5,
    });
    expect(adjustMethod("power-distillation", { alpha: 2, coefficient: 0.5 })).toEqual({
      power: { alpha: 2 },
      referenceKl: 0.5,
    });
    expect(resolveLoss(methods["power-distillation"], drawTokens(0))).toEqual({ referenceKl: 0 });
    expect(() => adjustMethod("grpo", { coefficient: 1 })).toThrow("--coefficient: method grpo has none");
    expect(() => adjustMethod("grpo", { alpha: 2 })).toThrow("--alpha: method grpo has none");
    expect(() => adjustMethod("reference-kl", { fraction: 0.1 })).toThrow(/--fraction/);
    expect(() => adjustMethod("kl-cov", { window: { low: 1, high: 5 } })).toThrow(/--window/);
    expect(() => lossOf({ ...drawTokens(0), referenceLogProbs: undefined! }, every["reference-kl"])).toThrow(
      /base/,
    );
  });
});
