import { stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { InferenceError } from "../core/errors.ts";
import { chooseGraph } from "../hub/graph-choice.ts";
import { filesBelow, HubCache, isModelId } from "../hub/hub-cache.ts";
import type { EngineSettings } from "./serve-settings.ts";

/** Where a model's files are. */
export interface LocatedModel {
  /** As asked for on the hub; `undefined` for a folder, which names its model itself. */
  readonly id: string | undefined;
  readonly folder: string;
  readonly graphPath: string;
}

type Wanted = Pick<EngineSettings, "model" | "dtype">;

/**
 * Finds a folder, or a model of the hub in the cache. Asks nobody.
 * @throws InferenceError `model_not_found` when there is neither, or not in the format wanted
 */
export async function locateModel({ model, dtype }: Wanted, env = process.env): Promise<LocatedModel> {
  const { id, folder } = await locateFolder(model, env);
  const graph = chooseGraph(await filesBelow(folder), dtype, model);
  return { id, folder, graphPath: join(folder, graph) };
}

async function locateFolder(model: string, env: NodeJS.ProcessEnv): Promise<Omit<LocatedModel, "graphPath">> {
  const found = await stat(model).catch(() => undefined);
  if (found?.isDirectory() === true) return { id: undefined, folder: resolve(model) };
  if (found === undefined && isModelId(model)) {
    const cache = new HubCache(env);
    const snapshot = await cache.snapshot(model);
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
