import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import { LocalEngine } from "../../src/engine/local/local-engine.ts";
import { createRunner, openGraph } from "../../src/engine/onnx/open-graph.ts";
import { graphOf, referenceOf } from "../support/exported-model.ts";
import { randomModel, tinyShape } from "../support/random-model.ts";
import { heldByLocal, knowsAll } from "./engine-subject.ts";
import type { EngineSubject } from "./engine-subject.ts";
import { testEngine } from "./engine.contract.ts";

const cpu = { device: "cpu", threads: 1 } as const;
const folder = mkdtempSync(join(tmpdir(), "metropolis-contract-"));
const path = join(folder, "model.onnx");
writeFileSync(path, randomModel(tinyShape));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

const overGraph = (
  graph: string,
  { vocabularySize, prompt }: Pick<EngineSubject, "vocabularySize" | "prompt">,
): EngineSubject => ({
  open: async () => {
    const runner = await createRunner(openGraph(graph, cpu), {
      ...cpu,
      lanes: 2,
      capacity: 48,
      maxRowTokens: 8,
    });
    return new LocalEngine(runner, { prefillChunk: 3, prefixStoreBytes: 1_000_000 });
  },
  vocabularySize,
  prompt,
  tolerance: 1e-4,
  held: heldByLocal,
  lacks: { ...knowsAll, faults: "a graph runs as it runs", failures: "a graph runs as it runs" },
});

testEngine(
  "LocalEngine over a graph with a shared cache",
  overGraph(path, { ...tinyShape, prompt: [3, 10, 17] }),
);

const concat = "optimum-llama-fp32";
const { ids, logitsAfter } = referenceOf(concat);
testEngine(
  "LocalEngine over a graph that appends by Concat",
  overGraph(graphOf(concat), { vocabularySize: logitsAfter(0).length, prompt: ids.slice(0, 3) }),
);
