import { describe, expect, it } from "vitest";
import { embeddedModel } from "../../../src/assembly/embedded-model.ts";
import type { CompletionEvent, GenerateRequest } from "../../../src/decoder/completer.ts";
import { LocalCompleter } from "../../../src/decoder/local-completer.ts";
import { readModelFolder } from "../../../src/decoder/model-folder.ts";
import { LocalEngine } from "../../../src/engine/local/local-engine.ts";
import { PassTimes } from "../../../src/engine/local/pass-times.ts";
import { never } from "../../support/toy-engine.ts";
import { createToyModel } from "../../support/toy-model.ts";
import { ToyRunner, turn } from "../../support/toy-runner.ts";
import { localDetails } from "../../../src/engine/health.ts";

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
async function openCompleter(): Promise<LocalCompleter> {
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
  return new LocalCompleter(await readModelFolder(embeddedModel), engine, accelerations);
}

type TextEvent = Extract<CompletionEvent, { type: "text" }>;

async function textsOf(completer: LocalCompleter, asked: GenerateRequest): Promise<TextEvent[]> {
  const texts: TextEvent[] = [];
  for await (const event of completer.complete(asked, never)) if (event.type === "text") texts.push(event);
  return texts;
}

describe("LocalCompleter", () => {
  it("gives an answer that nobody reads before its end in two pieces, the same as piece by piece", async () => {
    await using completer = await openCompleter();
    for (const settings of [request.settings, { sampler: "greedy" } as const]) {
      const pieces = await textsOf(completer, { ...request, settings });
      const whole = await textsOf(completer, { ...request, settings, inOnePiece: true });
      expect(pieces.length).toBeGreaterThanOrEqual(30);
      expect(whole).toHaveLength(2);
      expect(whole.map(({ text }) => text).join("")).toBe(pieces.map(({ text }) => text).join(""));
      expect(whole.flatMap(({ tokens }) => [...tokens])).toEqual(pieces.flatMap(({ tokens }) => [...tokens]));
    }
  });

  it("calls off what was begun ahead when its reader leaves in mid-chain", async () => {
    await using completer = await openCompleter();
    // Most proposals are rejected, so that several are under way, each to its end.
    const settings = { ...power, blockSize: 200, proposalTemperature: 1 };
    const long = { ...request, settings, maxTokens: 200, progress: true };
    let steps = 0;
    for await (const event of completer.complete(long, never))
      if (event.type === "progress" && ++steps === 12) break;
    const { evaluatedTokens } = await completer.health();
    await expect.poll(async () => (await completer.health()).details?.sequences.open).toBe(0);
    const after = await completer.health();
    expect(localDetails(after)?.lanes.leased).toBe(0);
    // A token of each lane in the pass that was under way.
    expect(after.evaluatedTokens - evaluatedTokens).toBeLessThanOrEqual(8);
  });
});
