import { createToyModel } from "../toy-model.ts";
import type { ToyModel, ToyOptions } from "../toy-model.ts";
import type { FakeModel } from "./fake-server.ts";

/** A toy as a server has it. */
export const toyOf = (toy: ToyModel, contextLength = 64): FakeModel => ({
  name: "toy",
  vocabularySize: toy.vocabularySize,
  contextLength,
  logits: toy.logits,
});

export const servedToy = (options: ToyOptions = { seed: 9, vocabularySize: 6 }): FakeModel =>
  toyOf(createToyModel(options));
