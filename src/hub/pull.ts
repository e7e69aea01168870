import { stat, statfs } from "node:fs/promises";
import { mkdir } from "node:fs/promises";
import { dirname, posix } from "node:path";
import { InferenceError } from "../core/errors.ts";
import { describeFailure, download } from "./download.ts";
import type { DownloadOptions } from "./download.ts";
import { chooseGraph } from "./graph-choice.ts";
import type { Dtype } from "./graph-choice.ts";
import type { HubCache, Snapshot } from "./hub-cache.ts";
import type { HubClient, HubFile } from "./hub-client.ts";

/** Beside the graph; those that a repository lacks are optional, or missed when the model is opened. */
const usualFiles = [
  "config.json",
  "generation_config.json",
  "tokenizer.json",
  "tokenizer_config.json",
  "chat_template.jinja",
];

export interface PullOptions {
  readonly dtype: Dtype | undefined;
  readonly revision: string;
  /** Names of the files with weights that a downloaded graph points to, relative to it. */
  readonly dataFilesOf: (graphPath: string) => Iterable<string>;
  readonly onProgress: (file: HubFile, bytes: number) => void;
  readonly retry?: Pick<DownloadOptions, "retryDelayMs" | "stallMs">;
}

/**
 * Brings a model into the cache: the graph of the format asked for, its weights, tokenizer and settings. What is there
 * already is not asked for again.
 * @throws InferenceError what the hub, the network or the disk refuse
 */
export async function pullModel(
  id: string,
  { client, cache }: { client: HubClient; cache: HubCache },
  options: PullOptions,
): Promise<Snapshot> {
  const { commit, files } = await askHub(id, client, options.revision);
  const byPath = new Map(files.map((file) => [file.path, file]));
  const graph = chooseGraph([...byPath.keys()], options.dtype, id);

  const fetchFile = async (file: HubFile): Promise<string> => {
    const blob = cache.blob(id, file.hash);
    if ((await stat(blob).catch(() => undefined))?.size !== file.size) {
      await checkSpace(file, dirname(blob));
      await download(file, blob, {
        ...options.retry,
        openAt: (offset, signal) => client.open(id, { commit, path: file.path, offset }, signal),
        onProgress: (bytes) => {
          options.onProgress(file, bytes);
        },
      });
    }
    return cache.link(id, commit, file.path, file.hash);
  };

  for (const path of usualFiles) {
    const file = byPath.get(path);
    if (file !== undefined) await fetchFile(file);
  }
  const graphPath = await fetchFile(byPath.get(graph)!);
  for (const name of options.dataFilesOf(graphPath)) {
    const path = posix.normalize(posix.join(posix.dirname(graph), name));
    const file = byPath.get(path);
    if (file === undefined) {
      throw new InferenceError(
        "model_not_found",
        `${graph} keeps weights in ${name}, which ${id} does not have.`,
      );
    }
    await fetchFile(file);
  }
  // Last, so that a revision never stands for files that are not all there.
  await cache.setRevision(id, options.revision, commit);
  return (await cache.snapshot(id, options.revision))!;
}

async function askHub(
  id: string,
  client: HubClient,
  revision: string,
): Promise<{ commit: string; files: HubFile[] }> {
  try {
    const commit = await client.commitOf(id, revision);
    return { commit, files: await client.files(id, commit) };
  } catch (error) {
    if (error instanceof InferenceError) throw error;
    throw new HubUnreachable(
      `The hub cannot be asked for ${id}: ${describeFailure(error)}. Check the network, or use a folder.`,
      error,
    );
  }
}

/** The hub did not answer, or not in its own words. */
export class HubUnreachable extends InferenceError {
  constructor(message: string, cause: unknown) {
    super("model_not_found", message, { param: "model", cause });
  }
}

/** Room that is left alone, bytes. */
const reserve = 64 * 1024 * 1024;

async function checkSpace({ path, size }: HubFile, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const { bavail, bsize } = await statfs(folder);
  const free = bavail * bsize;
  if (size + (size > reserve ? reserve : 0) <= free) return;
  throw new InferenceError(
    "model_not_found",
    `${path} needs ${size} bytes and ${folder} has ${free} left. Make room, or set HF_HOME to a larger disk.`,
  );
}
