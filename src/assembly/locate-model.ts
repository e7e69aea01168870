import { existsSync } from "node:fs";
import { stat } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { InferenceError } from "../core/errors.ts";
import { readGraphFile } from "../engine/onnx/graphs/graph-file.ts";
import { chooseGraph } from "../hub/graph-choice.ts";
import { filesBelow, HubCache, isModelId } from "../hub/hub-cache.ts";
import type { EngineSettings } from "./engine-settings.ts";

/** Where a model's files are. */
export interface LocatedModel {
  /** As asked for on the hub; `undefined` for a folder, which names its model itself. */
  readonly id: string | undefined;
  readonly folder: string;
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
  const files = await filesBelow(folder);
  const graphPath = join(folder, chooseGraph(files, dtype, model));
  if (id !== undefined) checkComplete(id, files, graphPath);
  return { id, folder, graphPath };
}

/** Other tools share the cache, and bring the files that they want. */
function checkComplete(id: string, files: readonly string[], graphPath: string): void {
  const missing = existsSync(graphPath) ? [...readGraphFile(graphPath).missingFiles] : [basename(graphPath)];
  if (!files.includes("tokenizer.json")) missing.push("tokenizer.json");
  if (missing.length === 0) return;
  throw new InferenceError(
    "model_not_found",
    `${id} is in the cache without ${missing.join(", ")}. Run: metropolis models pull ${id}`,
    { param: "model" },
  );
}

async function locateFolder(
  { model, revision }: Wanted,
  env: NodeJS.ProcessEnv,
): Promise<Omit<LocatedModel, "graphPath">> {
  const found = await stat(model).catch(() => undefined);
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
  throw new InferenceError(
    "model_not_found",
    `${model} is not a folder${found === undefined ? " (no such file)" : ""}; --model takes a folder with a model's files, or a Hugging Face id such as onnx-community/Qwen2.5-0.5B-Instruct.`,
    { param: "model" },
  );
}
