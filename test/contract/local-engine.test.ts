import { createToyEngine } from "../support/toy-engine.ts";
import { testEngine } from "./engine.contract.ts";

testEngine("LocalEngine", createToyEngine);
