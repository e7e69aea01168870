import { stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { InferenceError } from "../core/errors.ts";
import { folderFiles } from "../decoder/folder-contents.ts";
import { readGraphFile } from "../engine/onnx/graphs/graph-file.ts";
import type { LocatedModel } from "./locate-model.ts";

/**
 * What tells whether a model's files are still the ones that they were, by their paths: device, inode, size, and when
 * contents and inode changed last. The second of these times cannot be set, so that a file written over with its old
 * size and date is noticed too.
 */
export type FileStamps = Readonly<Record<string, string>>;

/** Stamps all files that a model is loaded from: graph, weights, tokenizer, settings. */
export async function stampFiles({
  folder,
  graphPath,
}: Pick<LocatedModel, "folder" | "graphPath">): Promise<FileStamps> {
  const weights = [...readGraphFile(graphPath).dataFiles].map((name) => join(dirname(graphPath), name));
  const paths = [graphPath, ...weights, ...folderFiles.map((name) => join(folder, name))];
  const entries = await Promise.all(paths.map(async (path) => [path, await stampOf(path)] as const));
  return Object.fromEntries(entries);
}

/**
 * Tests whether a model's files are the ones that were stamped: before it is loaded again, since the model of the same
 * name must be the same model, and when it was loaded, since it may have been copied meanwhile.
 * @throws InferenceError `engine_failed` naming those that changed
 */
export async function checkUnchanged(stamps: FileStamps): Promise<void> {
  const paths = Object.keys(stamps);
  const now = await Promise.all(paths.map(stampOf));
  const changed = paths.filter((path, index) => now[index] !== stamps[path]);
  if (changed.length === 0) return;
  throw new InferenceError(
    "engine_failed",
    `The model's files changed since the start (${changed.join(", ")}): what they hold now is another model, or a part of one. Start the server again once they are complete, or put back what was there.`,
  );
}

async function stampOf(path: string): Promise<string> {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true });
    return [dev, ino, size, mtimeNs, ctimeNs].join(" ");
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? "unreadable";
  }
}
