import { afterAll } from "vitest";
import { createRunner, openGraph } from "../../src/engine/onnx/open-graph.ts";
import { runnerSize, testRunner } from "../contract/model-runner.contract.ts";
import { graphOf, referenceOf } from "../support/exported-model.ts";
import type { ExportedModel } from "../support/exported-model.ts";
import { gpu } from "../support/gpu.ts";

const options = { device: gpu ?? "cpu", threads: 1 } as const;
/**
 * Of both forms, with what rounding explains: optimum's graphs take rotary angles' sines on the device, the builder's
 * bring them.
 */
const models: readonly [ExportedModel, tolerance: number][] = [
  ["builder-llama-fp32", 5e-5],
  ["optimum-llama-fp32", 5e-3],
  // CUDA's own kernel for attention, and its cache on the device.
  ...(gpu === "cuda" ? [["builder-llama-fp16", 0.06] as [ExportedModel, number]] : []),
];

if (gpu !== undefined) {
  // Shaders live as long as a session uses the device: held here, they are compiled once and not for every test.
  const { session } = openGraph(graphOf("builder-llama-fp32"), options);
  afterAll(() => {
    session[Symbol.dispose]();
  });
}

for (const [name, tolerance] of models) {
  testRunner(
    `${name} on ${gpu}`,
    {
      open: () => createRunner(openGraph(graphOf(name), options), { ...options, ...runnerSize }),
      ...referenceOf(name),
      tolerance,
    },
    { skip: gpu === undefined },
  );
}
