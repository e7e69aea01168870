/** The worker thread of `metropolis serve`: builds a completer from its settings and answers calls with it. */
import { parentPort, workerData } from "node:worker_threads";
import { toErrorDescription } from "../core/errors.ts";
import { hostCompleter } from "../decoder/worker-host.ts";
import type { WorkerStart } from "../decoder/worker-protocol.ts";
import { createCompleter } from "./create-completer.ts";
import { IdleRelease, collectGarbage, trimNativeMemory } from "./idle-memory.ts";
import type { WorkerData } from "./start-completer.ts";

const port = parentPort;
if (port === null) throw new Error("this script runs in a worker thread");

try {
  const { settings, stamps, mark } = workerData as WorkerData;
  const { completer, notes } = await createCompleter(settings, {
    stamps,
    mark,
    onProgress: (progress) => {
      port.postMessage({ type: "loading", progress } satisfies WorkerStart);
    },
  });
  hostCompleter(port, completer, notes);
  IdleRelease.start({
    isWorking: async () => ((await completer.health()).details?.sequences.open ?? 0) > 0,
    release: () => {
      collectGarbage();
      trimNativeMemory();
    },
  });
} catch (error) {
  port.postMessage({ type: "unusable", error: toErrorDescription(error) } satisfies WorkerStart);
}
