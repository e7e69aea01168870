import { embeddedModel } from "../../../src/assembly/embedded-model.ts";
import { readModelFolder } from "../../../src/decoder/model-folder.ts";
import { never } from "../toy-engine.ts";
import { createToyModel } from "../toy-model.ts";
import type { FakeModel } from "./fake-server.ts";

/** A server whose tokens are the embedded model's; what it says of them is a toy's. */
export async function servedAbacus(): Promise<FakeModel> {
  const { prompts, vocabularySize } = await readModelFolder(embeddedModel);
  return {
    name: "abacus",
    vocabularySize,
    contextLength: 256,
    logits: createToyModel({ seed: 5, vocabularySize }).logits,
    tokenize: async (text) => {
      const [tokens] = await prompts.encode([{ text, addSpecialTokens: false }], {
        param: "text",
        signal: never,
      });
      return tokens!;
    },
  };
}
