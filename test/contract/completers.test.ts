import { usualEngine } from "../../src/assembly/engine-settings.ts";
import type { WorkerData } from "../../src/assembly/start-completer.ts";
import { embeddedModel } from "../../src/assembly/embedded-model.ts";
import { readModelFolder } from "../../src/decoder/model-folder.ts";
import { WorkerCompleter } from "../../src/decoder/worker-completer.ts";
import { createEmbedded } from "../support/embedded.ts";
import { testCompleter } from "./completer.contract.ts";

const prompt = "7-2*3+4=";

testCompleter("LocalCompleter", { open: () => createEmbedded(), prompt });
testCompleter("WorkerCompleter", {
  open: async () => {
    const { tokenizer, prompts } = await readModelFolder(embeddedModel);
    return WorkerCompleter.start({
      entry: new URL("../../dist/assembly/worker.js", import.meta.url),
      workerData: { settings: usualEngine, stamps: {} } satisfies WorkerData,
      tokenizer,
      prompts,
      onNote: () => undefined,
    });
  },
  prompt,
});
