import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { InferenceError, fromErrorDescription } from "../core/errors.ts";
import type { ModelInfo } from "./completer.ts";
import type { WorkerStart } from "./worker-protocol.ts";

export interface WorkerSource {
  /** The script that builds a completer and hands it to `hostCompleter`. */
  readonly entry: URL;
  readonly workerData: unknown;
  /** Called with what the worker has to say at its start, and when it is restarted. */
  readonly onNote: (note: string) => void;
}

export interface StartedWorker {
  readonly worker: Worker;
  readonly model: ModelInfo;
}

/** @throws InferenceError what the worker says when it cannot start */
export async function startWorker({ entry, workerData, onNote }: WorkerSource): Promise<StartedWorker> {
  const worker = new Worker(entry, { workerData });
  const startup = new AbortController();
  try {
    const [message] = (await Promise.race([
      once(worker, "message", { signal: startup.signal }),
      once(worker, "exit", { signal: startup.signal }).then(() => {
        throw new InferenceError("engine_failed", "The engine's worker exited while it started.");
      }),
    ])) as [WorkerStart];
    if (message.type === "unusable") throw fromErrorDescription(message.error);
    for (const note of message.notes) onNote(note);
    return { worker, model: message.model };
  } finally {
    startup.abort();
  }
}
