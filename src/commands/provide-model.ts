import { InferenceError } from "../core/errors.ts";
import { readGraphFile } from "../engine/onnx/graphs/graph-file.ts";
import type { Dtype } from "../hub/graph-choice.ts";
import { HubCache, isModelId } from "../hub/hub-cache.ts";
import { HubClient } from "../hub/hub-client.ts";
import { readHubSettings } from "../hub/hub-settings.ts";
import { HubUnreachable, pullModel } from "../hub/pull.ts";
import { DownloadBars } from "./download-bars.ts";
import { locateModel } from "../assembly/locate-model.ts";
import type { LocatedModel } from "../assembly/locate-model.ts";
import type { EngineSettings } from "../assembly/engine-settings.ts";

/**
 * Finds a model as `locateModel` does, and pulls one that is asked for by id and not in the cache.
 * @throws InferenceError when it is neither here nor to be had
 */
export async function provideModel(wanted: Pick<EngineSettings, "model" | "dtype">): Promise<LocatedModel> {
  try {
    return await locateModel(wanted);
  } catch (error) {
    const isMissing = error instanceof InferenceError && error.code === "model_not_found";
    if (!isMissing || !isModelId(wanted.model)) throw error;
    await pull(wanted.model, wanted.dtype);
    return locateModel(wanted);
  }
}

/**
 * Pulls with progress on the terminal; what is in the cache is good enough when the hub cannot, or may not, be reached.
 * @returns the snapshot's folder
 */
export async function pull(id: string, dtype: Dtype | undefined, revision = "main"): Promise<string> {
  const settings = readHubSettings(process.env);
  if (settings.isOffline) return findOffline(id, dtype, revision);
  using bars = new DownloadBars();
  try {
    const snapshot = await pullModel(
      id,
      { client: new HubClient(settings), cache: new HubCache(process.env) },
      {
        dtype,
        revision,
        dataFilesOf: (path) => readGraphFile(path).dataFiles,
        onProgress: (file, bytes) => {
          bars.show(file, bytes);
        },
      },
    );
    return snapshot.folder;
  } catch (error) {
    if (!(error instanceof HubUnreachable)) throw error;
    const { folder } = await locateModel({ model: id, dtype, revision }).catch(() => {
      throw error;
    });
    console.error(`${error.message} What is in the cache is used.`);
    return folder;
  }
}

async function findOffline(id: string, dtype: Dtype | undefined, revision: string): Promise<string> {
  try {
    return (await locateModel({ model: id, dtype, revision })).folder;
  } catch (error) {
    throw new InferenceError(
      "model_not_found",
      `HF_HUB_OFFLINE forbids to ask the hub for ${id}; unset it to pull. ${(error as Error).message}`,
      { param: "model", cause: error },
    );
  }
}
