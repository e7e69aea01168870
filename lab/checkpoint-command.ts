import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { Argument, Command } from "commander";
import { InferenceError } from "../src/core/errors.ts";
import { fileFault } from "../src/files/file-fault.ts";
import { makeFolder } from "../src/files/make-folder.ts";
import { writeWhole } from "../src/files/write-whole.ts";
import { checkpointFiles } from "./checkpoint.ts";
import { embeddedModelNames, readModel } from "./embedded-model.ts";
import type { EmbeddedModelName } from "./embedded-model.ts";

export const checkpointCommand = new Command("checkpoint")
  .description("write a model as a Hugging Face Llama folder, for vLLM, SGLang, llama.cpp and transformers")
  .addArgument(new Argument("[model]", "which embedded model").choices(embeddedModelNames).default("abacus"))
  .requiredOption("--out <folder>", "where to write it; a folder that is empty, or not there yet")
  .option("--folder <folder>", "the model's folder, its own or one of `lab rl`; models/NAME when left out")
  .action(async (name: EmbeddedModelName, { out, folder }: { out: string; folder?: string }) => {
    const { model, values } = await readModel(name, folder ?? join("models", name));
    await makeEmptyFolder(out);
    for (const [file, content] of checkpointFiles(model, values)) await writeWhole(join(out, file), content);
    console.log(`written to ${out}`);
  });

/** @throws InferenceError when it cannot be made, or holds something: files of two models would be taken for one */
async function makeEmptyFolder(path: string): Promise<void> {
  try {
    await makeFolder(path);
    if ((await readdir(path)).length === 0) return;
  } catch (error) {
    throw fileFault(`--out ${path} cannot be written`, error);
  }
  throw new InferenceError(
    "invalid_request",
    `--out ${path} is not empty. Name an empty folder, or one that is not there yet.`,
  );
}
