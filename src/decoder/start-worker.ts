import { on, once } from "node:events";
import { Worker } from "node:worker_threads";
import { InferenceError, fromErrorDescription } from "../core/errors.ts";
import type { OnLoadProgress } from "../core/load-progress.ts";
import type { ModelInfo } from "./completer.ts";
import type { WorkerStart } from "./worker-protocol.ts";

export interface WorkerSource {
  /** The script that builds a completer and hands it to `hostCompleter`. */
  readonly entry: URL;
  readonly workerData: unknown;
  /** Called with what the worker has to say at its start, and when it is restarted. */
  readonly onNote: (note: string) => void;
  /** Called while it loads the model. */
  readonly onProgress?: OnLoadProgress | undefined;
}

export interface StartedWorker {
  readonly worker: Worker;
  readonly model: ModelInfo;
}

/** @throws InferenceError what the worker says when it cannot start */
export async function startWorker(source: WorkerSource): Promise<StartedWorker> {
  const { entry, workerData, onNote } = source;
  const worker = new Worker(entry, { workerData });
  const startup = new AbortController();
  try {
    const message = await Promise.race([
      outcomeOf(worker, source, startup.signal),
      once(worker, "exit", { signal: startup.signal }).then(() => {
        throw exited();
      }),
    ]);
    if (message.type === "unusable") throw fromErrorDescription(message.error);
    for (const note of message.notes) onNote(note);
    return { worker, model: message.model };
  } finally {
    startup.abort();
  }
}

/** What it says when it is done with loading. */
async function outcomeOf(
  worker: Worker,
  { onProgress }: WorkerSource,
  signal: AbortSignal,
): Promise<Exclude<WorkerStart, { type: "loading" }>> {
  for await (const [message] of on(worker, "message", { signal }) as AsyncIterable<[WorkerStart]>) {
    if (message.type !== "loading") return message;
    onProgress?.(message.progress);
  }
  throw exited();
}

const exited = (): InferenceError =>
  new InferenceError("engine_failed", "The engine's worker exited while it started.");
