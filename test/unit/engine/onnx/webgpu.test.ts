import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createRunner, openGraph } from "../../../../src/engine/onnx/open-graph.ts";
import type { Device } from "../../../../src/engine/onnx/ort/session.ts";
import { randomModel, tinyShape } from "../../../support/random-model.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "metropolis-webgpu-"));
  await writeFile(join(folder, "model.onnx"), randomModel(tinyShape));
});
afterAll(() => rm(folder, { recursive: true }));

async function logitsOn(device: Device): Promise<Float32Array[]> {
  const options = { device, threads: 1, lanes: 4, capacity: 96, maxRowTokens: 32 };
  await using runner = await createRunner(openGraph(join(folder, "model.onnx"), options), options);
  const logits: Float32Array[] = [];
  for (const lane of [1, 2]) {
    const view = await runner.step([{ lane, tokens: [1, 2, 3, 4, 5 + lane], position: 0 }]);
    logits.push(view.row(0).slice());
  }
  for (let position = 5; position < 12; position++) {
    const view = await runner.step([1, 2].map((lane) => ({ lane, tokens: [position + lane], position })));
    logits.push(view.row(0).slice(), view.row(1).slice());
  }
  return logits;
}

// A software Vulkan device will do.
describe.skipIf(process.env.VK_ICD_FILENAMES === undefined)("SharedCacheRunner on WebGPU", () => {
  it("agrees with the CPU over passes that reuse their shapes", async () => {
    const [expected, actual] = [await logitsOn("cpu"), await logitsOn("webgpu")];
    for (const [pass, logits] of expected.entries()) {
      for (const [id, value] of logits.entries()) expect(actual[pass]![id]).toBeCloseTo(value, 4);
    }
  });
});
