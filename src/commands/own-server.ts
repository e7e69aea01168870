import { randomBytes, randomInt } from "node:crypto";
import { buildApp } from "../server/app.ts";
import { createGenerator } from "./create-generator.ts";
import { usualEngine } from "./serve-settings.ts";
import type { EngineSettings } from "./serve-settings.ts";

export interface ReachedServer extends AsyncDisposable {
  readonly url: string;
  readonly apiKey: string | undefined;
}

/** The server that was named, or one in this process that nobody else can use. */
export async function reachServer({
  url,
  apiKey,
  ...engine
}: {
  readonly url: string | undefined;
  readonly apiKey: string | undefined;
} & Partial<EngineSettings>): Promise<ReachedServer> {
  if (url !== undefined) return { url, apiKey, [Symbol.asyncDispose]: () => Promise.resolve() };
  const { generator } = await createGenerator({ ...usualEngine, ...engine });
  const ownKey = randomBytes(16).toString("hex");
  const app = await buildApp({
    generator,
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
      await generator[Symbol.asyncDispose]();
    },
  };
}
