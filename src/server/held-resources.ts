import type { Server } from "node:http";
import { promisify } from "node:util";

/** Those that are open. */
interface Counted {
  readonly size: number;
}

/** What the HTTP side holds for its clients, and gives back when they leave. */
export class HeldResources {
  readonly #server: Server;
  readonly #sockets: Counted;

  constructor(server: Server, sockets: Counted) {
    this.#server = server;
    this.#sockets = sockets;
  }

  /** TCP connections, the WebSockets' among them. */
  connections(): Promise<number> {
    return promisify((done: (error: Error | null, count: number) => void) => {
      this.#server.getConnections(done);
    })();
  }

  get watchSockets(): number {
    return this.#sockets.size;
  }

  /** Listeners for events of the process and of the HTTP server, neither of which ends with a request. */
  get listeners(): Record<string, number> {
    return { process: countListeners(process), server: countListeners(this.#server) };
  }
}

const countListeners = (emitter: NodeJS.EventEmitter): number =>
  emitter.eventNames().reduce((sum, name) => sum + emitter.listenerCount(name), 0);
