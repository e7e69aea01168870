import { afterAll } from "vitest";
import { createRunner, openGraph } from "../../src/engine/onnx/open-graph.ts";
import { runnerSize, testRunner } from "../contract/model-runner.contract.ts";
import { graphOf, referenceOf } from "../support/exported-model.ts";
import { hasWebGpu } from "../support/webgpu.ts";

const webgpu = { device: "webgpu", threads: 1 } as const;
const name = "builder-llama-fp32";

if (hasWebGpu) {
  // Shaders live as long as anybody uses the device: held here, they are compiled once and not for every test.
  const { session } = openGraph(graphOf(name), webgpu);
  afterAll(() => {
    session[Symbol.dispose]();
  });
}

testRunner(
  `${name} on WebGPU`,
  {
    open: () => createRunner(openGraph(graphOf(name), webgpu), { ...webgpu, ...runnerSize }),
    ...referenceOf(name),
    tolerance: 5e-5,
  },
  { skip: !hasWebGpu, timeout: 240_000 },
);
