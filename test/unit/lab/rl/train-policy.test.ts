import { init } from "@jax-js/jax";
import { beforeAll, describe, expect, it } from "vitest";
import type { DecoderShape } from "../../../../lab/export-onnx.ts";
import { initialValues } from "../../../../lab/model.ts";
import { methods } from "../../../../lab/rl/methods.ts";
import type { Method } from "../../../../lab/rl/methods.ts";
import { trainPolicy, usualPolicyTraining } from "../../../../lab/rl/train-policy.ts";
import type { PolicyTraining } from "../../../../lab/rl/train-policy.ts";
import type { LogLine } from "../../../../lab/rl/training-log.ts";
import { meanEntropies } from "../../../../lab/rl/training-log.ts";
import { Stream } from "../../../../lab/stream.ts";
import { Vocabulary } from "../../../../lab/task.ts";
import type { Task } from "../../../../lab/task.ts";

/** Write `a` first: what a policy learns in a few steps. */
const task: Task = {
  name: "first-letter",
  vocabulary: new Vocabulary("abc="),
  routes: ["a", "other"],
  maxPromptLength: 2,
  maxResponseLength: 3,
  drawPrompt: (stream) => `${stream.pick(["a", "b", "c"])}=`,
  drawDemonstration: () => "a",
  testPrompts: (count) => ["c="].slice(0, count),
  keyOf: () => "a",
  isCorrect: (_prompt, response) => response.startsWith("a"),
  routeOf: (_prompt, response) => (response.startsWith("a") ? "a" : "other"),
};
const shape: DecoderShape = {
  vocabularySize: task.vocabulary.size,
  hiddenSize: 16,
  layers: 1,
  heads: 1,
  kvHeads: 1,
  headDim: 16,
  intermediateSize: 12,
  maxPositions: 16,
  ropeTheta: 10_000,
  normEpsilon: 1e-5,
};
const base = initialValues(shape, new Stream(6));
const usual = {
  ...usualPolicyTraining,
  promptsPerStep: 4,
  groupSize: 8,
  minibatches: 2,
  learningRate: 1e-2,
  warmupUpdates: 1,
  heldOut: { prompts: 1, samples: 16 },
};

async function run(
  method: Method,
  steps: number,
  {
    stopAfter,
    task: its = task,
    ...changes
  }: Partial<PolicyTraining> & { readonly stopAfter?: number; readonly task?: Task } = {},
): Promise<LogLine[]> {
  const lines: LogLine[] = [];
  const stop = new AbortController();
  await trainPolicy(
    { task: its, shape },
    base,
    { ...usual, ...changes, name: "test", method, steps },
    {
      signal: stop.signal,
      onLine: async (line) => {
        lines.push(line);
        if (line.step === stopAfter) stop.abort();
      },
    },
  );
  return lines;
}

describe("policy training", () => {
  beforeAll(() => init("wasm"));

  it("raises the reward and spends entropy on it, and logs what a fit needs", async () => {
    const lines = await run(methods.grpo, 8);
    expect(lines.map(({ step }) => step)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
    const [first, last] = [lines[0]!, lines.at(-1)!];
    expect(last.R).toBeGreaterThan(first.R + 0.3);
    expect(last.H).toBeLessThan(first.H);
    expect(first).toMatchObject({ n: 16, method: "test", passAt: { 1: first.R } });
    expect(first.routes.a! + first.routes.other!).toBeCloseTo(1, 12);
    expect(first.routes.a).toBeGreaterThanOrEqual(first.reward);
    const { update } = first;
    expect(update!.gradientNorm).toBeGreaterThan(0);
    expect(update!.kl).toBeGreaterThan(0);
    expect(update!.covariance.top["2%"]).toBeGreaterThan(update!.covariance.top["100%"]);
    expect(last.update).toBeUndefined();
    expect(JSON.stringify(lines)).not.toContain("null");
  });

  it("repeats itself from a seed, and ends after the step at hand when it is told to", async () => {
    const [once, again] = [await run(methods.grpo, 2), await run(methods.grpo, 9, { stopAfter: 1 })];
    expect(again).toHaveLength(3);
    for (const [step, line] of once.entries()) expect(again[step]!.H).toBeCloseTo(line.H, 4);
    expect((await run(methods.grpo, 1, { seed: 1 }))[0]!.H).not.toBeCloseTo(once[0]!.H, 4);
  });

  it("says how much Clip-Cov and KL-Cov really act on", async () => {
    const everything = { low: -1e3, high: 1e3 };
    const [clipped] = await run({ clipCov: { fraction: 1e-4, window: everything } }, 1);
    const { selectedFraction, minibatches, clipCov } = clipped!.update!;
    // One token in each minibatch, not the ten-thousandth that was asked for.
    expect(minibatches).toBe(2);
    expect(selectedFraction).toBeGreaterThan(1e-2);
    expect(clipCov).toEqual({
      ...everything,
      candidates: expect.any(Number) as number,
      emptyMinibatches: 0,
    });
    const [resolved] = await run({ clipCov: { fraction: 1e-4, window: { quantiles: [0.5, 1] } } }, 1);
    const { low, high } = resolved!.update!.clipCov!;
    expect([low < high, Math.abs(low) < 5, Math.abs(high) < 50]).toEqual([true, true, true]);
    const [empty] = await run({ clipCov: { fraction: 0.1, window: { low: 1e3, high: 2e3 } } }, 1);
    expect(empty!.update).toMatchObject({
      selectedFraction: 0,
      clipCov: { candidates: 0, emptyMinibatches: 2 },
    });
    const [penalized] = await run({ klCov: { fraction: 0.2, coefficient: 1 } }, 1);
    expect(penalized!.update!.selectedFraction).toBeCloseTo(0.2, 1);
  });

  it("holds a policy near its base with a strong reference KL, and its entropy up with a bonus", async () => {
    const [free, held, rewarded] = [
      await run(methods.grpo, 6),
      await run({ referenceKl: 20 }, 6),
      await run({ entropyBonus: 5 }, 6),
    ].map((lines) => lines.at(-1)!);
    expect(held!.R).toBeLessThan(free!.R - 0.1);
    expect(rewarded!.H).toBeGreaterThan(free!.H + 0.2);
  });

  it("distils the base's power distribution, knowing no rewards", async () => {
    const blind: Task = { ...task, isCorrect: () => false };
    const steps = 30;
    const lines = await run(methods["power-distillation"], steps, { task: blind, learningRate: 3e-3 });
    const [first, last] = [lines[0]!, lines.at(-1)!];
    expect([first.R, last.R]).toEqual([0, 0]);
    expect(last.H).toBeLessThan(0.6 * first.H);
    expect(first.update!.mixedGroups).toBe(usual.promptsPerStep);
    // p^1 is the base itself, where every weight is the same but for rounding.
    const [still] = await run({ power: { alpha: 1 } }, 1, { task: blind });
    expect(still!.update!.gradientNorm).toBeLessThan(1e-3 * first.update!.gradientNorm);
    // Rewards alone teach nothing here, and an anchor holds the policy back.
    expect((await run(methods.grpo, 1, { task: blind }))[0]!.update).toBeUndefined();
    const anchored = await run({ power: { alpha: 4 }, referenceKl: 20 }, steps, { learningRate: 3e-3 });
    expect(anchored.at(-1)!.H).toBeGreaterThan(last.H + 0.2);
  });

  it("measures H on prompts of its own when told to, the same ones for every seed, and learns alike", async () => {
    const [own, apart, other] = [
      await run(methods.grpo, 1),
      await run(methods.grpo, 1, { entropyPrompts: 60 }),
      await run(methods.grpo, 1, { entropyPrompts: 60, seed: 1 }),
    ];
    expect(apart.map(({ R, reward, update }) => [R, reward, update])).toEqual(
      own.map(({ R, reward, update }) => [R, reward, update]),
    );
    // Sixty prompts tell two seeds' one policy less apart than the four of a step.
    const [ofStep, ofStepToo] = [own[0]!.H, (await run(methods.grpo, 1, { seed: 1 }))[0]!.H];
    expect(Math.abs(apart[0]!.H - other[0]!.H)).toBeLessThan(Math.abs(ofStep - ofStepToo) / 3);
  });

  it("refuses settings under which a method would do nothing", async () => {
    await expect(run(methods.grpo, 1, { groupSize: 1 })).rejects.toThrow(/group of one/);
    await expect(run(methods.grpo, 1, { promptsPerStep: 1, minibatches: 8 })).rejects.toThrow(
      /minibatch of one/,
    );
    await expect(run(methods["kl-cov"], 1, { minibatches: 1 })).rejects.toThrow(/KL-Cov does nothing/);
  });
});

describe("the two averages of entropy", () => {
  it("differ where long responses are surer than short ones", () => {
    const response = (...entropies: number[]) => ({
      tokens: entropies.map((entropy) => ({
        token: 0,
        logprob: 0,
        logNormalizer: 0,
        entropy,
      })),
    });
    const { H, tokenMeanH } = meanEntropies([response(2), response(0, 0, 0)]);
    expect([H, tokenMeanH]).toEqual([1, 0.5]);
  });
});
