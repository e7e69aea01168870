import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { compareModels, modelToCompare } from "../../../src/commands/compare-models.ts";
import { comparisonText } from "../../../src/commands/comparison-text.ts";
import { AgreementTally, windowsOf } from "../../../src/evaluation/agreement.ts";
import type { Agreement } from "../../../src/evaluation/agreement.ts";
import { layOutModel } from "../../support/exported-model.ts";
import { runCommand } from "../../support/server-process.ts";

const logs = (...probabilities: number[]): Float32Array =>
  Float32Array.from(probabilities, (p) => 5 + Math.log(p));

describe("AgreementTally", () => {
  it("says perplexity, divergence and agreement as they are defined", () => {
    const tally = new AgreementTally();
    tally.add(0, logs(0.5, 0.25, 0.25), logs(0.25, 0.5, 0.25));
    tally.add(2, logs(0.5, 0.25, 0.25), logs(0.5, 0.25, 0.25));
    const { tokens, ...result } = tally.result;
    expect(tokens).toBe(2);
    const expected = {
      perplexity: Math.sqrt(2 * 4),
      referencePerplexity: 4,
      gain: Math.log(2) / 2,
      gainError: Math.log(2) / 2 / Math.sqrt(2),
      meanDifference: Math.log(2) / 2,
      largestDifference: Math.log(2),
      // KL of the reference first: 0.25·log(0.25/0.5) + 0.5·log(0.5/0.25), and 0.
      divergence: (0.25 * Math.log(2)) / 2,
      sameLikeliest: 0.5,
    };
    for (const [name, value] of Object.entries(expected))
      expect(result[name as keyof typeof result], name).toBeCloseTo(value, 6);
  });

  it("leaves out what one vocabulary is padded with, and tokens of no probability", () => {
    const tally = new AgreementTally();
    tally.add(0, logs(0.5, 0.5, 0), logs(0.5, 0.5));
    expect(tally.result).toMatchObject({ divergence: 0, gain: 0, sameLikeliest: 1 });
    const never = new AgreementTally();
    never.add(0, logs(0.5, 0.5), logs(1, 0));
    expect(never.result.divergence).toBeCloseTo(Math.log(2), 6);
  });

  it("refuses to say something of nothing", () => {
    expect(() => new AgreementTally().result).toThrow(RangeError);
  });
});

it.each([
  [
    5,
    2,
    [
      [0, 1],
      [2, 3],
    ],
  ],
  [
    5,
    3,
    [
      [0, 1, 2],
      [3, 4],
    ],
  ],
  [4, 8, [[0, 1, 2, 3]]],
  [1, 8, []],
])("%i tokens in windows of %i", (count, length, expected) => {
  expect(
    windowsOf(
      Array.from({ length: count }, (_, index) => index),
      length,
    ),
  ).toEqual(expected);
});

describe("metropolis doctor --compare", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "metropolis-compare-"));
    for (const name of [
      "builder-llama-fp32",
      "builder-llama-fp16",
      "builder-llama-int8",
      "builder-qwen2-int4",
    ] as const)
      layOutModel(name, join(folder, name));
  });
  afterAll(() => rm(folder, { recursive: true }));

  const opened = (name: string) =>
    modelToCompare({ model: join(folder, name), dtype: undefined }, { device: "cpu", threads: 1 });
  const compared = async (model: string, reference: string, text = comparisonText): Promise<Agreement> =>
    compareModels({ text, model: await opened(model), reference: await opened(reference) });

  it("finds a model the same as itself", async () => {
    const { tokens, divergence, gain, sameLikeliest, largestDifference } = await compared(
      "builder-llama-fp32",
      "builder-llama-fp32",
    );
    expect(tokens).toBeGreaterThan(300);
    expect({ divergence, gain, sameLikeliest, largestDifference }).toEqual({
      ...{ divergence: 0, gain: 0, sameLikeliest: 1, largestDifference: 0 },
    });
  });

  it("finds formats of one model nearer to each other the more bits they have", async () => {
    const half = await compared("builder-llama-fp16", "builder-llama-fp32");
    const eight = await compared("builder-llama-int8", "builder-llama-fp32");
    expect(half.divergence).toBeGreaterThan(0);
    expect(eight.divergence).toBeGreaterThan(half.divergence);
    expect(half.sameLikeliest).toBeGreaterThan(0.95);
  });

  it("refuses models whose tokens differ, and a text of none", async () => {
    await expect(compared("builder-qwen2-int4", "builder-llama-fp32")).rejects.toThrow(
      /--compare: .*tokenizers/,
    );
    await expect(compared("builder-llama-fp32", "builder-llama-fp16", "")).rejects.toThrow(/--text: /);
  });

  it("is a command, which reads a file that is given", async () => {
    const file = join(folder, "text");
    await writeFile(file, "One day the cat sat on the mat.");
    const models = [
      "--model",
      join(folder, "builder-llama-fp16"),
      "--compare",
      join(folder, "builder-llama-fp32"),
    ];
    const { code, output } = await runCommand(["doctor", ...models, "--text", file]);
    expect(output).toMatch(/^text +\d+ tokens$/m);
    expect(output).toMatch(/^perplexity +[\d.]+ against [\d.]+: log p .* nats a token$/m);
    expect(output).toMatch(/^agreement +[\d.]+ % have the same likeliest token$/m);
    expect(output).toMatch(/^divergence +KL /m);
    expect(code).toBe(0);
    const alone = await runCommand(["doctor", "--text", file]);
    expect(alone).toMatchObject({ code: 1 });
    expect(alone.output).toMatch(/--text is what --compare reads/);
  });
});
