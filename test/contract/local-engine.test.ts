import { createToyEngine } from "../support/toy-engine.ts";
import { testEngine } from "./engine.contract.ts";

testEngine("LocalEngine", createToyEngine);
testEngine("LocalEngine over a runner of one token a row", (settings) =>
  createToyEngine({ ...settings, maxRowTokens: 1 }),
);
testEngine("LocalEngine over a runner whose rows run in any company", (settings) =>
  createToyEngine({ ...settings, longRows: "any" }),
);
