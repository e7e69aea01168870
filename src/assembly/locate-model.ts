import { existsSync } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { InferenceError } from "../core/errors.ts";
import { readGraphFile } from "../engine/onnx/graphs/graph-file.ts";
import { chooseGraph } from "../hub/graph-choice.ts";
import { HubCache, isModelId } from "../hub/hub-cache.ts";
import type { EngineSettings } from "./engine-settings.ts";

/** Where a model's tokenizer and settings are. */
export interface LocatedFolder {
  /** As asked for on the hub; `undefined` for a folder, which names its model itself. */
  readonly id: string | undefined;
  readonly folder: string;
}

/** Where a model's files are. */
export interface LocatedModel extends LocatedFolder {
  readonly graphPath: string;
}

interface Wanted extends Pick<EngineSettings, "model" | "dtype"> {
  /** Of a model of the hub. */
  readonly revision?: string;
}

/**
 * Finds a folder, or a model of the hub in the cache. Asks no server.
 * @throws InferenceError `model_not_found` when there is neither, not in the format wanted, or only a part in the cache
 */
export async function locateModel(wanted: Wanted, env = process.env): Promise<LocatedModel> {
  const { model, dtype } = wanted;
  const { id, folder } = await locateFolder(wanted, env);
  const files = [...(await filesIn(folder)), ...(await filesIn(folder, "onnx/"))];
  const graphPath = join(folder, chooseGraph(files, dtype, model));
  if (id !== undefined) checkComplete(id, files, graphPath);
  return { id, folder, graphPath };
}

/**
 * Finds the folder of a model that is run elsewhere: no graph is looked for. Asks no server.
 * @throws InferenceError `model_not_found` when there is none, or none with a tokenizer in the cache
 */
export async function locateTokenizer(
  wanted: Pick<Wanted, "model" | "revision">,
  env = process.env,
): Promise<LocatedFolder> {
  const located = await locateFolder(wanted, env);
  if (located.id !== undefined && !(await filesIn(located.folder)).includes(tokenizerFile)) {
    throw new InferenceError("model_not_found", `${located.id} is in the cache without ${tokenizerFile}.`, {
      param: "model",
    });
  }
  return located;
}

const tokenizerFile = "tokenizer.json";

/** Other tools share the cache, and bring the files that they want. */
function checkComplete(id: string, files: readonly string[], graphPath: string): void {
  const missing = existsSync(graphPath) ? [...readGraphFile(graphPath).missingFiles] : [basename(graphPath)];
  if (!files.includes(tokenizerFile)) missing.push(tokenizerFile);
  if (missing.length === 0) return;
  throw new InferenceError(
    "model_not_found",
    `${id} is in the cache without ${missing.join(", ")}. Run: metropolis models pull ${id}`,
    { param: "model" },
  );
}

/**
 * Files of a model's folder, or of the one below it that the hub's layouts have. No others are looked at: a folder given
 * by mistake may hold a whole disk.
 */
async function filesIn(folder: string, below = ""): Promise<string[]> {
  const path = join(folder, below);
  try {
    const entries = await readdir(path, { withFileTypes: true });
    return entries.filter((entry) => !entry.isDirectory()).map(({ name }) => `${below}${name}`);
  } catch (error) {
    if (below !== "" && isAbsent(error)) return [];
    throw notUsable(path, reasonOf(error));
  }
}

async function locateFolder(
  { model, revision }: Pick<Wanted, "model" | "revision">,
  env: NodeJS.ProcessEnv,
): Promise<LocatedFolder> {
  const found = await stat(model).catch((error: unknown) => {
    if (!isAbsent(error)) throw notUsable(model, reasonOf(error));
    return undefined;
  });
  if (found?.isDirectory() === true) return { id: undefined, folder: resolve(model) };
  if (found === undefined && isModelId(model)) {
    const cache = new HubCache(env);
    const snapshot = await cache.snapshot(model, revision);
    if (snapshot !== undefined) return { id: model, folder: snapshot.folder };
    throw new InferenceError(
      "model_not_found",
      `There is no folder ${model}, and no model of that name in the cache ${cache.root}. Run: metropolis models pull ${model}`,
      { param: "model" },
    );
  }
  throw notUsable(model, found === undefined ? "is not there" : "is not a folder");
}

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? "";

const isAbsent = (error: unknown): boolean => ["ENOENT", "ENOTDIR"].includes(codeOf(error));

const reasons: Readonly<Record<string, string>> = {
  EACCES: "may not be read by this user",
  EPERM: "may not be read by this user",
  ELOOP: "is a loop of symbolic links",
  ENAMETOOLONG: "is too long a name",
};

const reasonOf = (error: unknown): string => reasons[codeOf(error)] ?? `cannot be read (${codeOf(error)})`;

const notUsable = (path: string, reason: string): InferenceError =>
  new InferenceError(
    "model_not_found",
    `${path === "" ? "An empty name" : path} ${reason}; --model takes a folder with a model's files, or a Hugging Face id such as onnx-community/Qwen2.5-0.5B-Instruct.`,
    { param: "model" },
  );
