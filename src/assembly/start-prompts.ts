import type { FolderContents } from "../decoder/folder-contents.ts";
import { ProcessPromptEncoder } from "../decoder/prompts/process-prompt-encoder.ts";
import type { ProcessPromptEncoderOptions } from "../decoder/prompts/process-prompt-encoder.ts";

/** What the processes are given. */
export interface PromptSource {
  /** The model's. */
  readonly folder: string;
  /** What was read of it at the start, lest a process that replaces another read newer files; read anew when left out. */
  readonly contents?: FolderContents;
  /** A template in place of the folder's. */
  readonly chatTemplate: string | undefined;
}

/**
 * Starts the processes that turn prompts into tokens.
 * @throws InferenceError what is wrong with the model's tokenizer or template
 */
export function startPrompts(
  source: PromptSource,
  options: Omit<ProcessPromptEncoderOptions, "entry" | "source">,
): Promise<ProcessPromptEncoder> {
  // Processes run what was compiled.
  return ProcessPromptEncoder.start({
    ...options,
    entry: new URL("./prompt-process.js", import.meta.url),
    source,
  });
}
