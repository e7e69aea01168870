import { WorkerCompleter } from "../decoder/worker-completer.ts";
import type { WorkerCompleterOptions } from "../decoder/worker-completer.ts";
import { usualEngine } from "./engine-settings.ts";
import type { EngineSettings } from "./engine-settings.ts";
import { remoteDetails } from "../engine/health.ts";
import type { ServerMark } from "../engine/health.ts";
import { hashFiles } from "./model-files.ts";
import type { FileStamps } from "./model-files.ts";

/** What the worker is given. */
export interface WorkerData {
  readonly settings: EngineSettings;
  /** What the model's files have to be; whatever they are when left out. */
  readonly stamps?: FileStamps;
  /** Which model a server elsewhere has to run; whichever it does when left out. */
  readonly mark?: ServerMark | undefined;
}

/**
 * Starts a completer in a worker thread, which puts itself together from the settings as `createCompleter` does. One that
 * replaces a worker that died is of the same model: of the files that were stamped and of the server's model that was
 * found, or of none.
 * @throws InferenceError what the worker says when it cannot start
 */
export async function startCompleter(
  settings: EngineSettings,
  stamps: FileStamps,
  options: Omit<WorkerCompleterOptions, "entry" | "workerData">,
): Promise<WorkerCompleter> {
  let known = stamps;
  let mark: ServerMark | undefined;
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
      get mark() {
        return mark;
      },
    } satisfies WorkerData,
  });
  // Once the model is loaded, which reads the same files: a file that has changed by now gets no hash.
  void hashFiles(stamps).then((hashed) => {
    known = hashed;
  });
  if (settings.server !== undefined) mark = remoteDetails(await completer.health())?.mark;
  return completer;
}

/** The engine's settings alone: what else the caller's settings hold, keys among it, stays in its own thread. */
function engineSettings(settings: EngineSettings): EngineSettings {
  const names = Object.keys(usualEngine) as (keyof EngineSettings)[];
  return Object.fromEntries(names.map((name) => [name, settings[name]])) as unknown as EngineSettings;
}
