import { createRunner, openGraph } from "../../src/engine/onnx/open-graph.ts";
import { exportedModels, graphOf, referenceOf, toleranceOf } from "../support/exported-model.ts";
import { runnerSize, testRunner } from "./model-runner.contract.ts";

const cpu = { device: "cpu", threads: 1 } as const;

for (const name of exportedModels) {
  testRunner(name, {
    open: () => createRunner(openGraph(graphOf(name), cpu), { ...cpu, ...runnerSize }),
    ...referenceOf(name),
    tolerance: toleranceOf(name),
  });
}

// One of each form with the fixed shape of --deterministic.
for (const name of ["builder-llama-fp32", "optimum-llama-fp32"] as const) {
  testRunner(`${name} in passes of one shape`, {
    open: () => createRunner(openGraph(graphOf(name), cpu), { ...cpu, ...runnerSize, isFixedShape: true }),
    ...referenceOf(name),
    tolerance: toleranceOf(name),
  });
}
