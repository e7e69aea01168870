import { WorkerCompleter } from "../decoder/worker-completer.ts";
import type { WorkerCompleterOptions } from "../decoder/worker-completer.ts";
import { usualEngine } from "./engine-settings.ts";
import type { EngineSettings } from "./engine-settings.ts";
import { hashFiles } from "./model-files.ts";
import type { FileStamps } from "./model-files.ts";

/** What the worker is given. */
export interface WorkerData {
  readonly settings: EngineSettings;
  /** What the model's files have to be; whatever they are when left out. */
  readonly stamps?: FileStamps;
}

/**
 * Starts a completer in a worker thread, which puts itself together from the settings as `createCompleter` does. One that
 * replaces a worker that died is of the same model: of the files that were stamped, or of none.
 * @throws InferenceError what the worker says when it cannot start
 */
export async function startCompleter(
  settings: EngineSettings,
  stamps: FileStamps,
  options: Omit<WorkerCompleterOptions, "entry" | "workerData">,
): Promise<WorkerCompleter> {
  let known = stamps;
  const completer = await WorkerCompleter.start({
    ...options,
    // Workers run what was compiled.
    entry: new URL("./worker.js", import.meta.url),
    workerData: {
      settings: engineSettings(settings),
      // Read for each worker that is started.
      get stamps() {
        return known;
      },
    } satisfies WorkerData,
  });
  // Once the model is loaded, which reads the same files: a file that has changed by now gets no hash.
  void hashFiles(stamps).then((hashed) => {
    known = hashed;
  });
  return completer;
}

/** The engine's settings alone: what else the caller's settings hold, keys among it, stays in its own thread. */
function engineSettings(settings: EngineSettings): EngineSettings {
  const names = Object.keys(usualEngine) as (keyof EngineSettings)[];
  return Object.fromEntries(names.map((name) => [name, settings[name]])) as unknown as EngineSettings;
}
