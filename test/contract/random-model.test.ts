import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import { createRunner, openGraph } from "../../src/engine/onnx/open-graph.ts";
import { randomModel, stockLogits, tinyShape } from "../support/random-model.ts";
import { runnerSize, testRunner } from "./model-runner.contract.ts";

const cpu = { device: "cpu", threads: 1 } as const;
const folder = mkdtempSync(join(tmpdir(), "metropolis-random-"));
const path = join(folder, "model.onnx");
writeFileSync(path, randomModel(tinyShape));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

const ids = Array.from({ length: 20 }, (_, index) => (index * 7 + 3) % tinyShape.vocabularySize);
const expected = await stockLogits(path, tinyShape, ids);
const size = tinyShape.vocabularySize;

testRunner("our own export", {
  open: () => createRunner(openGraph(path, cpu), { ...cpu, ...runnerSize }),
  ids,
  logitsAfter: (index) => expected.subarray(index * size, (index + 1) * size),
  tolerance: 1e-5,
});
