import { createToyEngine } from "../support/toy-engine.ts";
import { testEngine } from "./engine.contract.ts";

testEngine("LocalEngine", createToyEngine);
testEngine("LocalEngine with fixed passes", (settings) =>
  createToyEngine({ ...settings, scheduler: { ...settings.scheduler, deterministic: true } }),
);
