import type { Server, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";

/** The answers under way on each connection: what is written past HTTP's own order would land amid them. */
export class RunningAnswers {
  readonly #latest = new WeakMap<Duplex, ServerResponse>();
  /** Connections on which something waits for them. */
  readonly #awaited = new WeakSet<Duplex>();

  /** Knows the answers of a server from now on. */
  follow(server: Server): void {
    server.on("request", (request, response) => {
      this.#latest.set(request.socket, response);
    });
  }

  /** The answer to the last request on a connection, unless it is written; answers come in the order of requests. */
  on(socket: Duplex): ServerResponse | undefined {
    const response = this.#latest.get(socket);
    return response === undefined || response.writableFinished || response.destroyed ? undefined : response;
  }

  /**
   * Acts once all answers that are under way on a connection are written, unless it is gone by then. What comes while
   * something else waits is left out: Node's parser complains again of every packet behind the first that it cannot read.
   */
  after(socket: Duplex, act: () => void): void {
    if (this.#awaited.has(socket)) return;
    const response = this.on(socket);
    if (response === undefined) {
      act();
      return;
    }
    // Node has taken its own listener away, and an error that the server does not hear would end the process.
    const drop = (): void => {
      socket.destroy();
    };
    socket.on("error", drop);
    this.#awaited.add(socket);
    response.once("close", () => {
      // A connection that failed tells its error after the answer has closed.
      if (socket.destroyed) return;
      this.#awaited.delete(socket);
      socket.off("error", drop);
      act();
    });
  }
}
