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
