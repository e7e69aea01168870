import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import { createRunner, openGraph } from "../../src/engine/onnx/open-graph.ts";
import { leastMeasuredVocabulary } from "../../src/engine/onnx/logits/logits.ts";
import { randomModel, stockLogits, tinyShape } from "../support/random-model.ts";
import { runnerSize, testRunner } from "./model-runner.contract.ts";

const cpu = { device: "cpu", threads: 1 } as const;
const folder = mkdtempSync(join(tmpdir(), "metropolis-random-"));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

// A vocabulary that JavaScript measures, with logits of every token; and one with logits of those that are asked for.
for (const vocabularySize of [tinyShape.vocabularySize, leastMeasuredVocabulary]) {
  const shape = { ...tinyShape, vocabularySize };
  const path = join(folder, `${vocabularySize}.onnx`);
  writeFileSync(path, randomModel(shape));
  const ids = Array.from({ length: 20 }, (_, index) => (index * 7 + 3) % vocabularySize);
  const expected = await stockLogits(path, shape, ids);
  testRunner(`our own export with a vocabulary of ${vocabularySize}`, {
    open: () => createRunner(openGraph(path, cpu), { ...cpu, ...runnerSize }),
    ids,
    logitsAfter: (index) => expected.subarray(index * vocabularySize, (index + 1) * vocabularySize),
    tolerance: 1e-5,
  });
}
