import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { grad, init, numpy as np } from "@jax-js/jax";
import { beforeAll, describe, expect, it } from "vitest";
import { decoderShape } from "../../../../lab/decoder-size.ts";
import { embeddedModels, readModel } from "../../../../lab/embedded-model.ts";
import { exportOnnx } from "../../../../lab/export-onnx.ts";
import type { DecoderShape } from "../../../../lab/export-onnx.ts";
import { importOnnx, readSize } from "../../../../lab/import-onnx.ts";
import { initialValues, toWeights } from "../../../../lab/model.ts";
import type { Weights } from "../../../../lab/model.ts";
import { Policy } from "../../../../lab/rl/policy.ts";
import type { Sequence } from "../../../../lab/rl/policy.ts";
import { policyLoss } from "../../../../lab/rl/policy-loss.ts";
import { openEngine } from "../../../../lab/rl/rollout.ts";
import { scoreTokens, weighScores } from "../../../../lab/rl/token-scores.ts";
import { Stream } from "../../../../lab/stream.ts";
import { referenceLogits } from "../reference-model.ts";

const shape: DecoderShape = {
  vocabularySize: 5,
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
const values = initialValues(shape, new Stream(4));
const sequences: Sequence[] = [
  { prompt: [1, 2], response: [3, 0, 4] },
  { prompt: [2], response: [4] },
  { prompt: [0, 3], response: [1, 1] },
];
const advantages = Float64Array.of(0.9, 0.9, 0.9, -1.4, 0.3, 0.3);
const tokens = advantages.length;
const bonus = 0.05;

type Values = ReadonlyMap<string, ArrayLike<number>>;

/** log π and H of every response token, in plain loops and doubles. */
function plainScores(weights: Values): { logProbs: Float64Array; entropies: Float64Array } {
  const scores = sequences.flatMap(({ prompt, response }) => {
    const logits = referenceLogits(shape, weights, [...prompt, ...response]);
    return response.map((token, index) => {
      const row = logits[prompt.length + index - 1]!;
      const logSum = Math.log(row.reduce((sum, logit) => sum + Math.exp(logit), 0));
      const entropy = row.reduce((sum, logit) => sum - Math.exp(logit - logSum) * (logit - logSum), 0);
      return { logProb: row[token]! - logSum, entropy };
    });
  });
  return {
    logProbs: Float64Array.from(scores, ({ logProb }) => logProb),
    entropies: Float64Array.from(scores, ({ entropy }) => entropy),
  };
}

// The policy has moved since it drew the tokens, so that KL-Cov and the ratios have something to say.
const now = plainScores(values);
const drawn = {
  oldLogProbs: now.logProbs.map((logProb, i) => logProb + [0.1, -0.05, 0.02, 0.3, -0.1, 0.05][i]!),
  referenceLogProbs: now.logProbs.map((logProb) => logProb - 0.2),
  advantages,
};
const settings = {
  clip: { low: 0.2, high: 0.28 },
  referenceKl: 0.1,
  klCov: { fraction: 0.4, coefficient: 1 },
};

/** The whole loss of some weights: surrogate, reference KL, KL-Cov and entropy bonus. */
function plainLoss(weights: Values): number {
  const { logProbs, entropies } = plainScores(weights);
  const meanEntropy = entropies.reduce((sum, entropy) => sum + entropy, 0) / tokens;
  return policyLoss({ ...drawn, logProbs }, settings, new Stream(0)).value - bonus * meanEntropy;
}

const slopes = () => ({
  logProbs: policyLoss({ ...drawn, logProbs: now.logProbs }, settings, new Stream(0)).gradient,
  entropies: new Float64Array(tokens).fill(-bonus / tokens),
});

describe("the policy", () => {
  beforeAll(() => init("wasm"));

  it("scores tokens as plain loops in double precision do, however they are cut into chunks", async () => {
    for (const rows of [1, 2, 4]) {
      using policy = new Policy(shape, { rows, length: 4 }, values);
      const scores = await policy.score(sequences);
      for (let i = 0; i < tokens; i++) {
        expect(scores.logProbs[i]!).toBeCloseTo(now.logProbs[i]!, 5);
        expect(scores.entropies[i]!).toBeCloseTo(now.entropies[i]!, 5);
      }
    }
  });

  it("follows the gradient that finite differences of the whole loss give", async () => {
    const length = 4;
    const table = { ids: new Int32Array(3 * length), targets: new Int32Array(3 * length) };
    const spread = { logProbs: new Float32Array(3 * length), entropies: new Float32Array(3 * length) };
    let token = 0;
    for (const [row, { prompt, response }] of sequences.entries()) {
      const all = [...prompt, ...response];
      for (let t = 0; t + 1 < all.length; t++) {
        const place = row * length + t;
        table.ids[place] = all[t]!;
        table.targets[place] = all[t + 1]!;
        if (t + 1 < prompt.length) continue;
        spread.logProbs[place] = slopes().logProbs[token]!;
        spread.entropies[place] = slopes().entropies[token++]!;
      }
    }
    const toArray = (data: Float32Array | Int32Array) => np.array(data).reshape([3, length]);
    const gradients = grad((weights: Weights) =>
      weighScores(scoreTokens(shape, weights, toArray(table.ids), toArray(table.targets)), {
        logProbs: toArray(spread.logProbs),
        entropies: toArray(spread.entropies),
      }),
    )(toWeights(shape, values));
    const pick = new Stream(8);
    let squares = 0;
    for (const [name, original] of values) {
      const gradient = (await gradients[name]!.data()) as Float32Array;
      squares += gradient.reduce((sum, slope) => sum + slope * slope, 0);
      for (let trial = 0; trial < 2; trial++) {
        const index = pick.integer(0, original.length - 1);
        const at = (shift: number): number => {
          const moved = Float64Array.from(original);
          moved[index]! += shift;
          return plainLoss(new Map<string, ArrayLike<number>>([...values, [name, moved]]));
        };
        expect(gradient[index]!).toBeCloseTo((at(1e-5) - at(-1e-5)) / 2e-5, 5);
      }
    }
    // The trainer adds up its chunks to the same gradient.
    for (const rows of [1, 2]) {
      using policy = new Policy(shape, { rows, length }, values);
      expect(await policy.update(sequences, slopes(), 1e-3)).toBeCloseTo(Math.sqrt(squares), 5);
      expect(plainLoss(await policy.values())).toBeLessThan(plainLoss(values));
    }
  });

  it("refuses a sequence that does not fit", async () => {
    using policy = new Policy(shape, { rows: 1, length: 3 }, values);
    await expect(policy.score(sequences)).rejects.toThrow("a sequence of 5 tokens, not 4");
  });
});

describe("importing a graph", () => {
  it("takes the size of a model from it, the usual one or another", async () => {
    const usual = await readModel("abacus", "models/abacus");
    expect(usual.model).toEqual(embeddedModels.abacus);
    const { vocabulary } = embeddedModels.abacus.task;
    const small = decoderShape(vocabulary, { width: 48, layers: 2 });
    expect(small).toMatchObject({ hiddenSize: 48, heads: 3, headDim: 16, intermediateSize: 128, layers: 2 });
    const weights = initialValues(small, new Stream(7));
    const folder = await mkdtemp(join(tmpdir(), "metropolis-size-"));
    try {
      await writeFile(
        join(folder, "model.onnx"),
        exportOnnx(small, (name) => weights.get(name)!),
      );
      const { model, values: read } = await readModel("abacus", folder);
      expect(model).toEqual({ ...embeddedModels.abacus, shape: small });
      expect(read).toEqual(weights);
      await expect(readModel("pivot", folder)).rejects.toThrow("weight embedding is");
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it("gives back the weights that were exported, and names the one that does not fit", () => {
    const file = exportOnnx(shape, (name) => values.get(name)!);
    expect(importOnnx(shape, file)).toEqual(values);
    expect(readSize(file)).toEqual({ width: 16, layers: 1 });
    expect(() => readSize(Uint8Array.of(255))).toThrow("the file is no ONNX graph");
    expect(() => readSize(new Uint8Array())).toThrow("no weight embedding");
    expect(() => importOnnx({ ...shape, layers: 2 }, file)).toThrow("no weight layers.1.attentionNorm");
    expect(() => importOnnx({ ...shape, intermediateSize: 13 }, file)).toThrow(
      "layers.0.gate is [16, 12], not [16, 13]",
    );
  });

  it("puts the embedded model into the trainer: its scores are those of the engine", async () => {
    await init("wasm");
    const { task, shape: abacusShape } = embeddedModels.abacus;
    const path = "models/abacus/model.onnx";
    const prompt = task.vocabulary.encode("7-2*3+4=");
    const response = [...task.vocabulary.encode("2*3=6;7-6=1;1+4=5;#5"), task.vocabulary.endToken];
    using policy = new Policy(
      abacusShape,
      { rows: 1, length: 28 },
      importOnnx(abacusShape, await readFile(path)),
    );
    const { logProbs, entropies } = await policy.score([{ prompt, response }]);
    await using engine = await openEngine(path, abacusShape);
    const scores = await engine.score(
      [...prompt, ...response],
      { topCount: 0 },
      new AbortController().signal,
    );
    for (const [i, { logprob, entropy }] of scores.slice(prompt.length - 1).entries()) {
      expect(logProbs[i]!).toBeCloseTo(logprob, 4);
      expect(entropies[i]!).toBeCloseTo(entropy, 4);
    }
  });
});
