import { embeddedModel } from "../../src/assembly/embedded-model.ts";
import { LocalCompleter } from "../../src/decoder/local-completer.ts";
import { readModelFolder } from "../../src/decoder/model-folder.ts";
import { createToyEngine } from "./toy-engine.ts";
import type { ToySettings } from "./toy-engine.ts";
import { createToyModel } from "./toy-model.ts";

/** The embedded model's tokenizer and names over a toy engine, whose runner can be made slow or faulty. */
export async function createToyCompleter(settings: ToySettings = {}): Promise<LocalCompleter> {
  const description = await readModelFolder(embeddedModel);
  const vocabularySize = 18;
  const engine = createToyEngine({
    model: createToyModel({ vocabularySize, endBias: -20, ...settings.toy }),
    capacity: 128,
    ...settings,
  });
  return new LocalCompleter(description, engine, { earlyRejection: true, prefetch: false, memo: undefined });
}
