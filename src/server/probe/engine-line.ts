import type { MessagePort } from "node:worker_threads";

/** What a prober is told of the engine. */
export interface EngineStatus {
  /** `ok`, or what is wrong: `starting`, `failed`, as the engine says. */
  readonly status: string;
  readonly reason?: string;
}

interface Reply {
  readonly id: number;
  readonly health: EngineStatus;
}

/** How long an engine may take to answer before it counts as hung, ms. */
const timeoutMs = 5_000;

const hung: EngineStatus = { status: "failed", reason: `The engine has not answered for ${timeoutMs} ms.` };

/** Asks the engine at hand for its health, past the server's thread. */
export class EngineLine {
  #port: MessagePort | undefined;
  /** What it is doing while there is none. */
  #loading: string | undefined;
  #nextId = 0;
  readonly #asking = new Map<number, (status: EngineStatus) => void>();

  /** @param what the engine that is to come is doing */
  load(what: string): void {
    this.#loading = what;
  }

  get #starting(): EngineStatus {
    const what = this.#loading === undefined ? "" : `: ${this.#loading}`;
    return { status: "starting", reason: `The engine is starting${what}.` };
  }

  /** @param port where numbers are answered with health; the one before is left */
  connect(port: MessagePort): void {
    this.#port?.close();
    this.#loading = undefined;
    this.#port = port;
    port.on("message", ({ id, health: { status, reason } }: Reply) => {
      this.#asking.get(id)?.({ status, ...(reason !== undefined && { reason }) });
    });
    port.once("close", () => {
      if (this.#port !== port) return;
      // Its thread has ended; the next one's port is on its way.
      this.#port = undefined;
      for (const tell of this.#asking.values()) tell(this.#starting);
    });
  }

  async health(): Promise<EngineStatus> {
    const id = this.#nextId++;
    const port = this.#port;
    if (port === undefined) return this.#starting;
    try {
      return await new Promise<EngineStatus>((resolve) => {
        this.#asking.set(id, resolve);
        setTimeout(resolve, timeoutMs, hung).unref();
        port.postMessage(id);
      });
    } finally {
      this.#asking.delete(id);
    }
  }
}
