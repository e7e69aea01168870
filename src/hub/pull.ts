import { stat, statfs } from "node:fs/promises";
import { dirname, posix } from "node:path";
import { InferenceError } from "../core/errors.ts";
import { fileFault, isSystemError } from "../files/file-fault.ts";
import { makeFolder } from "../files/make-folder.ts";
import { describeFailure, download, incompleteBytes } from "./download.ts";
import type { DownloadOptions } from "./download.ts";
import { chooseGraph } from "./graph-choice.ts";
import type { Dtype } from "./graph-choice.ts";
import { checkRevision } from "./hub-cache.ts";
import type { HubCache, Snapshot } from "./hub-cache.ts";
import type { HubClient, HubFile } from "./hub-client.ts";

/** Beside the graph; those that a repository lacks are optional, or missed when the model is opened. */
const usualFiles = [
  "config.json",
  "genai_config.json",
  "generation_config.json",
  "tokenizer.json",
  "tokenizer_config.json",
  "special_tokens_map.json",
  "chat_template.jinja",
];

/** What of a model is to be run here. */
export interface PulledGraph {
  readonly dtype: Dtype | undefined;
  /** Names of the files with weights that a downloaded graph points to, relative to where the graph belongs. */
  readonly dataFilesOf: (graphPath: string) => Iterable<string>;
}

export interface PullOptions {
  /** Absent for a model that is run elsewhere: its tokenizer and its settings are brought alone. */
  readonly graph?: PulledGraph | undefined;
  readonly revision: string;
  readonly onProgress: (file: HubFile, bytes: number) => void;
  readonly retry?: Pick<DownloadOptions, "retryDelayMs" | "stallMs">;
}

/**
 * Brings a model into the cache: tokenizer and settings, and the graph of the format asked for with its weights. What is
 * there already is not asked for again.
 * @throws InferenceError what the hub, the network or the disk refuse
 */
export async function pullModel(
  id: string,
  hub: { client: HubClient; cache: HubCache },
  options: PullOptions,
): Promise<Snapshot> {
  try {
    return await bringModel(id, hub, options);
  } catch (error) {
    throw isSystemError(error) ? unwritable(hub.cache, error) : error;
  }
}

async function bringModel(
  id: string,
  { client, cache }: { client: HubClient; cache: HubCache },
  options: PullOptions,
): Promise<Snapshot> {
  const { commit, files } = await askHub(id, client, checkRevision(options.revision));
  const byPath = new Map(files.map((file) => [file.path, file]));
  const { graph } = options;
  const graphPath = graph && chooseGraph([...byPath.keys()], graph.dtype, id);
  if (graph === undefined) checkTokenizer(byPath, id);

  /** @returns where the bytes are */
  const bring = async (file: HubFile): Promise<string> => {
    const blob = cache.blob(id, file.hash);
    if ((await stat(blob).catch(() => undefined))?.size !== file.size) {
      await checkSpace(file, blob);
      await download(file, blob, {
        ...options.retry,
        openAt: (offset, signal) => client.open(id, { commit, path: file.path, offset }, signal),
        onProgress: (bytes) => {
          options.onProgress(file, bytes);
        },
      });
    }
    return blob;
  };
  const place = async (file: HubFile): Promise<void> => {
    await bring(file);
    await cache.link(id, commit, file);
  };

  for (const path of usualFiles) {
    const file = byPath.get(path);
    if (file !== undefined) await place(file);
  }
  if (graph !== undefined && graphPath !== undefined) {
    // Its weights before it, so that a graph in a snapshot can be run.
    const graphFile = byPath.get(graphPath)!;
    for (const name of graph.dataFilesOf(await bring(graphFile))) {
      const path = posix.normalize(posix.join(posix.dirname(graphPath), name));
      const file = byPath.get(path);
      if (file === undefined) {
        throw new InferenceError(
          "model_not_found",
          `${graphPath} keeps weights in ${name}, which ${id} does not have.`,
        );
      }
      await place(file);
    }
    await place(graphFile);
  }
  // Last, so that a revision never stands for files that are not all there. A commit stands for itself.
  if (options.revision !== commit) await cache.setRevision(id, options.revision, commit);
  return (await cache.snapshot(id, options.revision))!;
}

function checkTokenizer(files: ReadonlyMap<string, HubFile>, id: string): void {
  if (files.has("tokenizer.json")) return;
  throw new InferenceError(
    "model_not_found",
    `${id} has no tokenizer.json. Give --model a folder that has one: transformers writes it with save_pretrained.`,
    { param: "model" },
  );
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

const unwritable = ({ root }: HubCache, cause: Error): unknown =>
  fileFault(`The cache ${root} cannot be written`, cause, "HF_HOME puts it elsewhere");

/** Room that is left alone, bytes. */
const reserve = 64 * 1024 * 1024;

async function checkSpace(file: HubFile, blob: string): Promise<void> {
  const folder = dirname(blob);
  await makeFolder(folder);
  const missing = file.size - (await incompleteBytes(blob));
  const { bavail, bsize } = await statfs(folder);
  const free = bavail * bsize;
  if (missing + (missing > reserve ? reserve : 0) <= free) return;
  throw new InferenceError(
    "model_not_found",
    `${file.path} needs ${missing} bytes and ${folder} has ${free} left. Make room, or set HF_HOME to a larger disk.`,
  );
}
