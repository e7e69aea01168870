import { Connection } from "../../../src/engine/remote/connection.ts";
import type { Dialect, DialectName } from "../../../src/engine/remote/dialect.ts";
import { createRemote, examine } from "../../../src/engine/remote/open-remote.ts";
import type { Found, RemoteSettings } from "../../../src/engine/remote/open-remote.ts";
import type { RemoteEngine } from "../../../src/engine/remote/remote-engine.ts";
import { never } from "../toy-engine.ts";
import type { FakeServer } from "./fake-server.ts";

export interface FakeSettings {
  readonly maxCalls?: number;
  readonly key?: string;
  readonly pauseMs?: number;
}

const settingsFor = (
  server: FakeServer,
  dialect: DialectName,
  { maxCalls = 2, key, pauseMs }: FakeSettings,
): RemoteSettings => ({
  dialect,
  url: server.url,
  key,
  pauseMs,
  maxCalls,
  sessionHeader: "x-session-id",
  vocabularySize: server.model.vocabularySize,
});

/** Opens engines over fake servers of one kind; what they do is measured once. */
export class FakeOpener {
  readonly #dialect: Dialect;
  readonly #start: () => FakeServer;
  #found: Promise<Found> | undefined;

  /** @param start a server like those that engines are opened over, without faults */
  constructor(dialect: Dialect, start: () => FakeServer) {
    this.#dialect = dialect;
    this.#start = start;
  }

  async open(server: FakeServer, settings: FakeSettings = {}): Promise<RemoteEngine> {
    const found = await (this.#found ??= this.#examine());
    return createRemote(this.#place(server, settings), found);
  }

  async #examine(): Promise<Found> {
    await using server = await this.#start().start();
    const place = this.#place(server, {});
    await using _connection = place.server;
    return await examine({ ...place, signal: never });
  }

  #place(server: FakeServer, given: FakeSettings) {
    const settings = settingsFor(server, this.#dialect.name, given);
    return { server: new Connection({ ...settings, mostSockets: 10 }), dialect: this.#dialect, settings };
  }
}
