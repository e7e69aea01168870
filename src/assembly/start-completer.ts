import { WorkerCompleter } from "../decoder/worker-completer.ts";
import type { WorkerCompleterOptions } from "../decoder/worker-completer.ts";
import { usualEngine } from "./engine-settings.ts";
import type { EngineSettings } from "./engine-settings.ts";

/**
 * Starts a completer in a worker thread, which puts itself together from the settings as `createCompleter` does.
 * @throws InferenceError what the worker says when it cannot start
 */
export function startCompleter(
  settings: EngineSettings,
  options: Omit<WorkerCompleterOptions, "entry" | "workerData">,
): Promise<WorkerCompleter> {
  return WorkerCompleter.start({
    ...options,
    // Workers run what was compiled.
    entry: new URL("./worker.js", import.meta.url),
    workerData: engineSettings(settings),
  });
}

/** The engine's settings alone: what else the caller's settings hold, keys among it, stays in its own thread. */
function engineSettings(settings: EngineSettings): EngineSettings {
  const names = Object.keys(usualEngine) as (keyof EngineSettings)[];
  return Object.fromEntries(names.map((name) => [name, settings[name]])) as unknown as EngineSettings;
}
