import { once } from "node:events";
import type { AddressInfo } from "node:net";
import type { FastifyInstance } from "fastify";
import { WebSocket } from "ws";
import { watchEvent } from "../../src/server/watch/messages.ts";
import { watchPath } from "../../src/server/watch/protocol.ts";
import type { EventOf, WatchEvent } from "../../src/server/watch/messages.ts";
import type { EventName } from "../../src/server/watch/protocol.ts";

/** Keeps every event of a socket, each checked against the schema, and waits for those to come. */
export class Watcher {
  readonly events: WatchEvent[] = [];
  readonly socket: WebSocket;
  #wake: () => void = () => undefined;

  constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on("message", (data: Buffer) => {
      this.events.push(watchEvent.parse(JSON.parse(data.toString())));
      this.#wake();
    });
  }

  send(message: unknown): void {
    this.socket.send(typeof message === "string" ? message : JSON.stringify(message));
  }

  /** The first event, past or future, of which `test` holds. */
  async until<Event extends WatchEvent>(test: (event: WatchEvent) => event is Event): Promise<Event> {
    for (;;) {
      const found = this.events.find(test);
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** How a request ended. */
  end(id: string | null): Promise<EventOf<"done" | "error">> {
    return this.until(
      (event): event is EventOf<"done" | "error"> =>
        event.id === id && (event.type === "done" || event.type === "error"),
    );
  }

  of<Name extends EventName>(type: Name, id: string, index?: number): EventOf<Name>[] {
    return this.events.filter(
      (event): event is EventOf<Name> =>
        event.type === type &&
        event.id === id &&
        (index === undefined || ("index" in event && event.index === index)),
    );
  }

  /** The close code. */
  async closed(): Promise<number> {
    const [code] = (await once(this.socket, "close")) as [number];
    return code;
  }
}

/** A socket to an app, which listens from now on. */
export async function openWatcher(app: FastifyInstance): Promise<Watcher> {
  if (!app.server.listening) await app.listen({ port: 0, host: "127.0.0.1" });
  const { port } = app.server.address() as AddressInfo;
  const watcher = new Watcher(new WebSocket(`ws://127.0.0.1:${port}${watchPath}`));
  await once(watcher.socket, "open");
  return watcher;
}
