import { InferenceError } from "../core/errors.ts";
import { readGraphFile } from "../engine/onnx/graphs/graph-file.ts";
import type { Dtype } from "../hub/graph-choice.ts";
import { HubCache, isModelId } from "../hub/hub-cache.ts";
import { HubClient } from "../hub/hub-client.ts";
import { readHubSettings } from "../hub/hub-settings.ts";
import { HubUnreachable, pullModel } from "../hub/pull.ts";
import type { PullOptions, PulledGraph } from "../hub/pull.ts";
import { DownloadBars } from "./download-bars.ts";
import { locateModel, locateTokenizer } from "../assembly/locate-model.ts";
import type { LocatedFolder, LocatedModel } from "../assembly/locate-model.ts";
import type { EngineSettings } from "../assembly/engine-settings.ts";

type Wanted = Pick<EngineSettings, "model" | "dtype">;

/**
 * Finds a model as `locateModel` does, and pulls one that is asked for by id and not in the cache.
 * @throws InferenceError when it is neither here nor to be had
 */
export const provideModel = (wanted: Wanted): Promise<LocatedModel> =>
  provide(
    wanted.model,
    () => locateModel(wanted),
    () => pull(wanted.model, wanted.dtype),
  );

/**
 * The same for a model that a server elsewhere runs: of the hub come its tokenizer and settings alone.
 * @throws InferenceError when they are neither here nor to be had
 */
export const provideTokenizer = (model: string): Promise<LocatedFolder> =>
  provide(
    model,
    () => locateTokenizer({ model }),
    () => bring({ id: model, locate: () => locateTokenizer({ model }) }),
  );

/**
 * Pulls with progress on the terminal; what is in the cache is good enough when the hub cannot, or may not, be reached.
 * @returns the snapshot's folder
 */
export const pull = (id: string, dtype: Dtype | undefined, revision = "main"): Promise<string> =>
  bring({
    id,
    revision,
    graph: { dtype, dataFilesOf: (path) => readGraphFile(path).dataFiles },
    locate: () => locateModel({ model: id, dtype, revision }),
  });

async function provide<Located extends LocatedFolder>(
  model: string,
  locate: () => Promise<Located>,
  pullIt: () => Promise<unknown>,
): Promise<Located> {
  try {
    return await locate();
  } catch (error) {
    const isMissing = error instanceof InferenceError && error.code === "model_not_found";
    if (!isMissing || !isModelId(model)) throw error;
    await pullIt();
    return locate();
  }
}

interface Brought {
  readonly id: string;
  readonly revision?: string;
  readonly graph?: PulledGraph;
  /** Finds it in the cache. */
  readonly locate: () => Promise<LocatedFolder>;
}

async function bring({ id, revision = "main", graph, locate }: Brought): Promise<string> {
  const settings = readHubSettings(process.env);
  if (settings.isOffline) return findOffline(id, locate);
  using bars = new DownloadBars();
  try {
    const hub = { client: new HubClient(settings), cache: new HubCache(process.env) };
    const onProgress: PullOptions["onProgress"] = (file, bytes) => {
      bars.show(file, bytes);
    };
    return (await pullModel(id, hub, { graph, revision, onProgress })).folder;
  } catch (error) {
    if (!(error instanceof HubUnreachable)) throw error;
    const { folder } = await locate().catch(() => {
      throw error;
    });
    console.error(`${error.message} What is in the cache is used.`);
    return folder;
  }
}

async function findOffline(id: string, locate: Brought["locate"]): Promise<string> {
  try {
    return (await locate()).folder;
  } catch (error) {
    throw new InferenceError(
      "model_not_found",
      `HF_HUB_OFFLINE forbids to ask the hub for ${id}; unset it to pull. ${(error as Error).message}`,
      { param: "model", cause: error },
    );
  }
}
