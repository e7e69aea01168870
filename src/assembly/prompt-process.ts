/** The processes of `metropolis serve` that turn prompts into tokens: each gets the model's tokenizer and template. */
import { readContents } from "../decoder/folder-contents.ts";
import { describeFolder } from "../decoder/model-folder.ts";
import { hostPrompts } from "../decoder/prompts/host-prompts.ts";
import type { PromptSource } from "./start-prompts.ts";

hostPrompts(async (source) => {
  const { folder, contents = await readContents(folder), chatTemplate } = source as PromptSource;
  const { prompts } = describeFolder({ root: folder, contents }, undefined, chatTemplate);
  await prompts.open();
  return prompts;
});
