import { createToyModel } from "../support/toy-model.ts";
import { ToyRunner } from "../support/toy-runner.ts";
import { runnerSize, testRunner } from "./model-runner.contract.ts";

const model = createToyModel({ seed: 5, vocabularySize: 11 });
const ids = Array.from({ length: 14 }, (_, index) => (index * 7 + 3) % 11);

/** The stand-in for a model keeps what the scheduler's tests take for granted. */
for (const [name, limits] of [
  ["a toy whose long rows run alone", { longRows: "alone" }],
  ["a toy whose long rows run together from their first token on", { longRows: "fresh" }],
  ["a toy whose rows run in any company", { longRows: "any" }],
  ["a toy of one token a row", { maxRowTokens: 1 }],
] as const) {
  testRunner(name, {
    open: () => Promise.resolve(new ToyRunner(model, { ...runnerSize, ...limits })),
    ids,
    logitsAfter: (index) => model.logits(ids.slice(0, index + 1)),
    tolerance: 1e-9,
  });
}
