import { embeddedModel } from "../../src/commands/embedded-model.ts";
import { LocalGenerator } from "../../src/decoder/local-generator.ts";
import { readModelFolder } from "../../src/decoder/model-folder.ts";
import { createToyEngine } from "./toy-engine.ts";
import type { ToySettings } from "./toy-engine.ts";
import { createToyModel } from "./toy-model.ts";

/** The embedded model's tokenizer and names over a toy engine, whose runner can be made slow or faulty. */
export async function createToyGenerator(settings: ToySettings = {}): Promise<LocalGenerator> {
  const description = await readModelFolder(embeddedModel);
  const vocabularySize = 18;
  const engine = createToyEngine({
    model: createToyModel({ vocabularySize, endBias: -20, ...settings.toy }),
    capacity: 128,
    ...settings,
  });
  return new LocalGenerator(description, engine, { earlyRejection: true, prefetch: false, memo: undefined });
}
