import { randomBytes, randomInt } from "node:crypto";
import { buildApp } from "../server/app.ts";
import { createCompleter } from "./create-completer.ts";
import { usualEngine } from "./engine-settings.ts";
import type { EngineSettings } from "./engine-settings.ts";

export interface ReachedServer extends AsyncDisposable {
  readonly url: string;
  readonly apiKey: string | undefined;
}

/** The server that was named, or one in this process that no other process can use. */
export async function reachServer({
  url,
  apiKey,
  ...engine
}: {
  readonly url: string | undefined;
  readonly apiKey: string | undefined;
} & Partial<EngineSettings>): Promise<ReachedServer> {
  if (url !== undefined) return { url, apiKey, [Symbol.asyncDispose]: () => Promise.resolve() };
  const { completer } = await createCompleter({ ...usualEngine, ...engine });
  const ownKey = randomBytes(16).toString("hex");
  const app = await buildApp({
    completer,
    defaultSampler: "power",
    logger: false,
    apiKeys: [ownKey],
    freshSeed: () => randomInt(2 ** 47),
    requestTimeoutMs: 0,
  });
  return {
    url: await app.listen({ host: "127.0.0.1", port: 0 }),
    apiKey: ownKey,
    [Symbol.asyncDispose]: async () => {
      await app.close();
      await completer[Symbol.asyncDispose]();
    },
  };
}
