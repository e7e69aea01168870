import { once } from "node:events";
import { MessageChannel, Worker } from "node:worker_threads";
import type { Transferable } from "node:worker_threads";
import { InferenceError } from "../../core/errors.ts";
import { beatMs } from "./protocol.ts";
import type { ProbeStart, ProbeData, ToProbe } from "./protocol.ts";

export interface ProbeOptions {
  /** The script of its thread, `probe-thread.ts` compiled. */
  readonly entry: URL;
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
}

/** A thread that hosts the engine: takes `line` messages, as `decoder/worker-protocol.ts` has them. */
interface EngineThread {
  postMessage(message: unknown, transfer: Transferable[]): void;
}

/**
 * Answers /health on a port of its own, in a thread of its own with a line of its own to the engine: it says that the
 * server's thread is stalled, and for how long, where /health on the server's port would have to wait for that thread.
 */
export class ProbeServer {
  readonly url: string;
  readonly #thread: Worker;
  readonly #pulse: NodeJS.Timeout;

  private constructor(thread: Worker, pulse: NodeJS.Timeout, url: string) {
    this.#thread = thread;
    this.#pulse = pulse;
    this.url = url;
  }

  /** @throws InferenceError where the port cannot be listened on */
  static async start({ entry, host, port }: ProbeOptions): Promise<ProbeServer> {
    const beats = new BigInt64Array(new SharedArrayBuffer(8));
    const beat = (): void => {
      Atomics.store(beats, 0, process.hrtime.bigint());
    };
    beat();
    const thread = new Worker(entry, { workerData: { host, port, beats } satisfies ProbeData });
    const [message] = (await once(thread, "message")) as [ProbeStart];
    if (message.type === "failed") {
      await thread.terminate();
      const problem = `Port ${port} on ${host} cannot be listened on (${message.problem})`;
      throw new InferenceError("invalid_request", `${problem}. Choose another with --health-port.`);
    }
    // Neither is a reason for the process to go on.
    thread.unref();
    return new ProbeServer(thread, setInterval(beat, beatMs).unref(), message.url);
  }

  /** Has it ask this engine from now on. */
  watch(engine: EngineThread): void {
    const { port1, port2 } = new MessageChannel();
    engine.postMessage([{ type: "line", port: port1 }], [port1]);
    this.#thread.postMessage({ type: "engine", port: port2 } satisfies ToProbe, [port2]);
  }

  /** Has it say what an engine that is not there yet is doing. */
  load(what: string): void {
    this.#thread.postMessage({ type: "loading", what } satisfies ToProbe);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#pulse);
    await this.#thread.terminate();
  }
}
