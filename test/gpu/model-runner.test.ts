import { afterAll } from "vitest";
import { createRunner, openGraph } from "../../src/engine/onnx/open-graph.ts";
import { runnerSize, testRunner } from "../contract/model-runner.contract.ts";
import { graphOf, referenceOf } from "../support/exported-model.ts";
import type { ExportedModel } from "../support/exported-model.ts";
import { hasWebGpu } from "../support/webgpu.ts";

const webgpu = { device: "webgpu", threads: 1 } as const;
/** Of both forms, with what rounding explains: optimum's graphs take rotary angles' sines on the device, the builder's bring them. */
const models: readonly [ExportedModel, tolerance: number][] = [
  ["builder-llama-fp32", 5e-5],
  ["optimum-llama-fp32", 5e-3],
];

if (hasWebGpu) {
  // Shaders live as long as anybody uses the device: held here, they are compiled once and not for every test.
  const { session } = openGraph(graphOf("builder-llama-fp32"), webgpu);
  afterAll(() => {
    session[Symbol.dispose]();
  });
}

for (const [name, tolerance] of models) {
  testRunner(
    `${name} on WebGPU`,
    {
      open: () => createRunner(openGraph(graphOf(name), webgpu), { ...webgpu, ...runnerSize }),
      ...referenceOf(name),
      tolerance,
    },
    { skip: !hasWebGpu, timeout: 240_000 },
  );
}
