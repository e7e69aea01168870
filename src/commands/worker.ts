/** The worker thread of `metropolis serve`: builds a generator from its settings and answers calls with it. */
import { parentPort, workerData } from "node:worker_threads";
import { toErrorDescription } from "../core/errors.ts";
import { hostGenerator } from "../decoder/worker-host.ts";
import type { WorkerStart } from "../decoder/worker-protocol.ts";
import { createGenerator } from "./create-generator.ts";
import type { EngineSettings } from "./serve-settings.ts";

const port = parentPort;
if (port === null) throw new Error("this script runs in a worker thread");

try {
  const { generator, notes } = await createGenerator(workerData as EngineSettings);
  hostGenerator(port, generator, notes);
} catch (error) {
  port.postMessage({ type: "unusable", error: toErrorDescription(error) } satisfies WorkerStart);
}
