/** The processes of `metropolis serve` that turn prompts into tokens: each reads the model's tokenizer and template. */
import { readModelFolder } from "../decoder/model-folder.ts";
import { hostPrompts } from "../decoder/prompts/host-prompts.ts";
import type { PromptSource } from "./start-prompts.ts";

hostPrompts(async (source) => {
  const { folder, chatTemplate } = source as PromptSource;
  const { prompts } = await readModelFolder(folder, undefined, chatTemplate);
  await prompts.open();
  return prompts;
});
