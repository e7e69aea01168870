import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { measure } from "../../src/sampling/measure.ts";
import { selfCertaintyOf } from "../../src/sampling/self-certainty.ts";
import type { Device } from "../../src/engine/onnx/ort/device-memory.ts";
import { createRunner, openGraph } from "../../src/engine/onnx/open-graph.ts";
import { leastMeasuredVocabulary, openLogitsMemory } from "../../src/engine/onnx/logits/logits.ts";
import type { BatchRow, ModelRunner } from "../../src/engine/local/runner.ts";
import { gpu } from "../support/gpu.ts";
import { randomModel, tinyShape } from "../support/random-model.ts";

const shape = { ...tinyShape, vocabularySize: 3001 };
const inverseTemperature = 4;
const tokens = Array.from({ length: 20 }, (_, index) => (index * 131) % shape.vocabularySize);

describe.skipIf(gpu === undefined)("logits on a device", () => {
  const folder = mkdtempSync(join(tmpdir(), "metropolis-logits-"));
  const path = join(folder, "model.onnx");
  beforeAll(() => {
    writeFileSync(path, randomModel(shape));
  });
  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  const open = (device: Device): Promise<ModelRunner> =>
    createRunner(openGraph(path, { device, threads: 1 }), {
      device,
      lanes: 20,
      capacity: 64,
      maxRowTokens: 32,
    });

  /** Each row as it is measured where it stands, and by JavaScript from what the CPU computes. */
  async function expectMeasured(
    batch: readonly BatchRow[],
    places: readonly [number, number][],
  ): Promise<void> {
    await using runner = await open(gpu!);
    await using reference = await open("cpu");
    const whole = batch.map((row) => ({ ...row, measuredFrom: 0 }));
    const [actual, expected] = await Promise.all([runner.step(batch), reference.step(whole)]);
    for (const [row, index] of places) {
      const logits = expected.row(row, index);
      const oracle = measure(logits, inverseTemperature);
      const measured = actual.distribution(row, index, inverseTemperature);
      for (const name of ["logSum", "logNormalizer", "entropy"] as const) {
        expect(measured[name], name).toBeCloseTo(oracle[name], 3);
      }
      if (batch[row]!.wantsLogitSums === true && index >= (batch[row]!.measuredFrom ?? 0))
        expect(measured.logitSums!.count).toBe(shape.vocabularySize);
      expect(selfCertaintyOf(measured)).toBeCloseTo(selfCertaintyOf(oracle), 3);
      expect(measured.top.ids.slice(0, 8)).toEqual(oracle.top.ids.slice(0, 8));
      expect(measured.top.logprobs[0]).toBeCloseTo(oracle.top.logprobs[0]!, 3);
      const read = measured.readLogits();
      expect(Math.max(...logits.map((logit, id) => Math.abs(logit - read[id]!)))).toBeLessThan(1e-3);
    }
  }

  it("stand in its memory", () => {
    const { session, graph } = openGraph(path, { device: gpu!, threads: 1 });
    using memory = openLogitsMemory(session, { ...graph, tokens: 4 });
    expect(memory.device).toBe(gpu);
    using small = openLogitsMemory(session, {
      ...graph,
      vocabularySize: leastMeasuredVocabulary - 1,
      tokens: 4,
    });
    expect(small.device).toBe("cpu");
    memory[Symbol.dispose]();
    session[Symbol.dispose]();
  });

  it("are measured there, more rows than one run takes", async () => {
    const batch = tokens.map((token, lane) => ({
      lane,
      tokens: [token],
      position: 0,
      measuredFrom: 0,
      inverseTemperature,
      wantsLogitSums: lane !== 7,
    }));
    await expectMeasured(
      batch,
      batch.map((_, row) => [row, 0]),
    );
  });

  it("are measured from the middle of a long row on; the rest is read when it is asked for", async () => {
    const batch = [
      { lane: 3, tokens, position: 0, measuredFrom: 15, inverseTemperature, wantsLogitSums: true },
    ];
    await expectMeasured(batch, [
      [0, 3],
      [0, 15],
      [0, 19],
    ]);
  });
});
