import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { InferenceError } from "../core/errors.ts";
import { folderFiles } from "../decoder/folder-contents.ts";
import { readGraphFile } from "../engine/onnx/graphs/graph-file.ts";
import type { LocatedModel } from "./locate-model.ts";

/** What tells whether a file is still the one that it was. */
interface FileStamp {
  /**
   * Device, inode, size, and when contents and inode changed last; the error's code of a file that cannot be read. The
   * second of these times cannot be set, so that a file written over with its old size and date is noticed too.
   */
  readonly state: string;
  /** SHA-256 of its contents, where they were read: a backup or `touch` changes the state alone. */
  readonly hash?: string | undefined;
}

/** By path. */
export type FileStamps = Readonly<Record<string, FileStamp>>;

/**
 * Stamps all files that a model is loaded from: tokenizer, settings, and graph with weights where it is run here. By
 * their states alone.
 */
export async function stampFiles({
  folder,
  graphPath,
}: Pick<LocatedModel, "folder"> & Partial<Pick<LocatedModel, "graphPath">>): Promise<FileStamps> {
  const texts = folderFiles.map((name) => join(folder, name));
  if (graphPath === undefined) return stamp(texts);
  const weights = [...readGraphFile(graphPath).dataFiles].map((name) => join(dirname(graphPath), name));
  return stamp([graphPath, ...weights, ...texts]);
}

/** The same stamps with the hashes of what the files hold; a file that changes before it is read through gets none. */
export async function hashFiles(stamps: FileStamps): Promise<FileStamps> {
  const hashed: Record<string, FileStamp> = {};
  for (const [path, { state }] of Object.entries(stamps)) {
    const hash = await hashOf(path);
    hashed[path] = (await stateOf(path)) === state ? { state, hash } : { state };
  }
  return hashed;
}

/**
 * Tests whether a model's files are the ones that were stamped, or hold the same: before it is loaded again, since the
 * model of the same name must be the same model, and when it was loaded, since it may have been copied meanwhile.
 * @returns the files' states by now
 * @throws InferenceError `engine_failed` naming those that changed
 */
export async function checkUnchanged(stamps: FileStamps): Promise<FileStamps> {
  const now = await stamp(Object.keys(stamps));
  const changed: string[] = [];
  for (const [path, { state, hash }] of Object.entries(stamps)) {
    if (now[path]!.state === state) continue;
    if (hash === undefined || (await hashOf(path)) !== hash) changed.push(path);
  }
  if (changed.length === 0) return now;
  throw new InferenceError(
    "engine_failed",
    `The model's files changed since the start (${changed.join(", ")}): what they hold now is another model, or a part of one. Start the server again once they are complete, or put back what was there.`,
  );
}

async function stamp(paths: readonly string[]): Promise<FileStamps> {
  const entries = await Promise.all(
    paths.map(async (path) => [path, { state: await stateOf(path) }] as const),
  );
  return Object.fromEntries(entries);
}

async function stateOf(path: string): Promise<string> {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true });
    return [dev, ino, size, mtimeNs, ctimeNs].join(" ");
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? "unreadable";
  }
}

/** `undefined` for what is no file that can be read. */
async function hashOf(path: string): Promise<string | undefined> {
  try {
    // A pipe would be waited for, without end.
    if (!(await stat(path)).isFile()) return undefined;
    const hash = createHash("sha256");
    for await (const chunk of createReadStream(path, { highWaterMark: 2 ** 20 }))
      hash.update(chunk as Buffer);
    return hash.digest("hex");
  } catch {
    return undefined;
  }
}
