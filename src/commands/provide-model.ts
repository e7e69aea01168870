import { InferenceError } from "../core/errors.ts";
import { readGraphFile } from "../engine/onnx/graph-file.ts";
import type { Dtype } from "../hub/graph-choice.ts";
import { HubCache, isModelId } from "../hub/hub-cache.ts";
import { HubClient } from "../hub/hub-client.ts";
import { HubUnreachable, pullModel } from "../hub/pull.ts";
import { DownloadBars } from "./download-bars.ts";
import { locateModel } from "./locate-model.ts";
import type { LocatedModel } from "./locate-model.ts";
import type { EngineSettings } from "./serve-settings.ts";

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
    if (process.env.HF_HUB_OFFLINE === "1") throw error;
    await pull(wanted.model, wanted.dtype);
    return locateModel(wanted);
  }
}

/** Pulls with progress on the terminal; a model that is in the cache is good enough when the hub cannot be reached. */
export async function pull(id: string, dtype: Dtype | undefined, revision = "main"): Promise<string> {
  const { HF_ENDPOINT: endpoint = "https://huggingface.co", HF_TOKEN: token } = process.env;
  const client = new HubClient({
    endpoint: endpoint.replace(/\/$/, ""),
    token: token === "" ? undefined : token,
  });
  const cache = new HubCache(process.env);
  using bars = new DownloadBars();
  try {
    const snapshot = await pullModel(
      id,
      { client, cache },
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
    if (!(error instanceof HubUnreachable) || revision !== "main") throw error;
    const { folder } = await locateModel({ model: id, dtype }).catch(() => {
      throw error;
    });
    console.error(`${error.message} What is in the cache is used.`);
    return folder;
  }
}
