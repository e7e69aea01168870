import { describe, expect, it } from "vitest";
import { embeddedModel } from "../../../src/commands/embedded-model.ts";
import type { GenerateEvent, GenerateRequest } from "../../../src/decoder/generator.ts";
import { LocalGenerator } from "../../../src/decoder/local-generator.ts";
import { readModelFolder } from "../../../src/decoder/model-folder.ts";
import { LocalEngine } from "../../../src/engine/local-engine.ts";
import { PassTimes } from "../../../src/engine/pass-times.ts";
import { never } from "../../support/toy-engine.ts";
import { createToyModel } from "../../support/toy-model.ts";
import { ToyRunner, turn } from "../../support/toy-runner.ts";

const power = {
  sampler: "power",
  alpha: 4,
  mcmcSteps: 40,
  blockSize: 30,
  proposalTemperature: 0.25,
  schedule: "full",
} as const;

const request: GenerateRequest = {
  prompt: [1, 2, 3],
  settings: power,
  maxTokens: 30,
  ignoreEnd: true,
  stop: [],
  seed: 3,
  choice: 0,
  topCount: 0,
};

/** A model on which a pass of any size takes as long, so that steps are begun ahead. */
async function openGenerator(): Promise<LocalGenerator> {
  const model = createToyModel({ vocabularySize: 18, endBias: -20 });
  const engine = new LocalEngine(
    new ToyRunner(model, { capacity: 256, lanes: 8, onStep: turn }),
    { prefillChunk: 8, prefixStoreBytes: 4096 },
    new PassTimes(
      [
        { size: 1, ms: 1 },
        { size: 8, ms: 1 },
      ],
      [
        { size: 1, ms: 1 },
        { size: 8, ms: 1 },
      ],
    ),
  );
  const accelerations = { earlyRejection: false, prefetch: true, memo: undefined };
  return new LocalGenerator(await readModelFolder(embeddedModel), engine, accelerations);
}

type TextEvent = Extract<GenerateEvent, { type: "text" }>;

async function textsOf(generator: LocalGenerator, asked: GenerateRequest): Promise<TextEvent[]> {
  const texts: TextEvent[] = [];
  for await (const event of generator.generate(asked, never)) if (event.type === "text") texts.push(event);
  return texts;
}

describe("LocalGenerator", () => {
  it("gives an answer that nobody reads before its end in two pieces, the same as piece by piece", async () => {
    await using generator = await openGenerator();
    for (const settings of [request.settings, { sampler: "greedy" } as const]) {
      const pieces = await textsOf(generator, { ...request, settings });
      const whole = await textsOf(generator, { ...request, settings, inOnePiece: true });
      expect(pieces.length).toBeGreaterThanOrEqual(30);
      expect(whole).toHaveLength(2);
      expect(whole.map(({ text }) => text).join("")).toBe(pieces.map(({ text }) => text).join(""));
      expect(whole.flatMap(({ tokens }) => tokens)).toEqual(pieces.flatMap(({ tokens }) => tokens));
    }
  });

  it("calls off what was begun ahead when its reader leaves in mid-chain", async () => {
    await using generator = await openGenerator();
    // Most proposals are rejected, so that several are under way, each to its end.
    const settings = { ...power, blockSize: 200, proposalTemperature: 1 };
    const long = { ...request, settings, maxTokens: 200, progress: true };
    let steps = 0;
    for await (const event of generator.generate(long, never))
      if (event.type === "progress" && ++steps === 12) break;
    const { evaluatedTokens } = await generator.health();
    await expect.poll(async () => (await generator.health()).sequences.open).toBe(0);
    const after = await generator.health();
    expect(after.lanes.leased).toBe(0);
    // A token of each lane in the pass that was under way.
    expect(after.evaluatedTokens - evaluatedTokens).toBeLessThanOrEqual(8);
  });
});
