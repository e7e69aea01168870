import { Connection } from "../../../src/engine/remote/connection.ts";
import type { Dialect, DrawCall, ReportedToken } from "../../../src/engine/remote/dialect.ts";
import type { TokenIds } from "../../../src/core/tokens.ts";
import { never } from "../toy-engine.ts";
import type { FakeServer } from "./fake-server.ts";

/** A dialect, spoken to a fake server that ends with it. */
export async function openDialect<Server extends FakeServer>(fake: Server, dialect: Dialect) {
  const server = await fake.start();
  const connection = new Connection({ url: server.url, sessionHeader: "x-session-id", mostSockets: 4 });
  const place = { model: server.model.name, session: "a" };
  return {
    server,
    connection,
    dialect,
    describe: (model?: string) => dialect.describe(connection, model, never),
    draw: async (changes: Partial<DrawCall> = {}, told: ReportedToken[] = []): Promise<ReportedToken[]> => {
      const call: DrawCall = {
        ...place,
        prefix: [1, 2, 3],
        maxTokens: 8,
        endTokens: [],
        sampling: { inverseTemperature: 2 },
        without: [],
        seed: 7,
        topCount: 5,
        ...changes,
      };
      for await (const tokens of dialect.draw(connection, call, never)) told.push(...tokens);
      return told;
    },
    score: (tokens: TokenIds, from: number, topCount = 2) =>
      dialect.score!(connection, { ...place, tokens, from, topCount }, never),
    [Symbol.asyncDispose]: async () => {
      await connection[Symbol.asyncDispose]();
      await server.stop();
    },
  };
}
