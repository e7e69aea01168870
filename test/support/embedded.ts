import { createCompleter } from "../../src/assembly/create-completer.ts";
import { usualEngine } from "../../src/assembly/engine-settings.ts";
import type { EngineSettings } from "../../src/assembly/engine-settings.ts";
import type { LocalCompleter } from "../../src/decoder/local-completer.ts";
import { buildApp } from "../../src/server/app.ts";
import type { AppOptions } from "../../src/server/app.ts";
import type { OutputText, ResponseBody } from "../../src/server/schemas/responses/response.ts";
import type { CompletionResponse } from "../../src/server/schemas/completions.ts";

export interface Refusal {
  readonly status: number;
  readonly message: string;
  readonly param: string | null;
  readonly code: string;
  readonly type: string;
}

/** The embedded model in this very thread. */
export async function createEmbedded(changes: Partial<EngineSettings> = {}): Promise<LocalCompleter> {
  return (await createCompleter({ ...usualEngine, ...changes })).completer;
}

/** The HTTP application over the embedded model, to be injected into. Dispose both. */
export async function createTestApp(
  options: Partial<AppOptions> & { engine?: Partial<EngineSettings> } = {},
) {
  const { engine, ...appOptions } = options;
  const completer = options.completer ?? (await createEmbedded(engine));
  let seed = 0;
  const app = await buildApp({
    completer,
    defaultSampler: "standard",
    logger: false,
    freshSeed: () => seed++,
    ...appOptions,
  });
  const post = async (url: string, body: unknown) => {
    const reply = await app.inject({ method: "POST", url, payload: body as object });
    return {
      status: reply.statusCode,
      headers: reply.headers,
      text: reply.body,
      json: () => reply.json<never>(),
    };
  };
  return {
    app,
    completer,
    post,
    /** The answer to a request for completions that is to be fine. */
    complete: async (body: object): Promise<CompletionResponse> => {
      const reply = await post("/v1/completions", body);
      if (reply.status !== 200) throw new Error(`${reply.status}: ${reply.text}`);
      return reply.json();
    },
    /** What is said of a request for completions that is to be refused. */
    refuse: async (body: object): Promise<Refusal> => {
      const reply = await post("/v1/completions", body);
      if (reply.status === 200) throw new Error(`not refused: ${reply.text}`);
      return { status: reply.status, ...(reply.json() as { error: Omit<Refusal, "status"> }).error };
    },
    [Symbol.asyncDispose]: async () => {
      await app.close();
      await completer[Symbol.asyncDispose]();
    },
  };
}

/** What a response says. */
export const partsOf = ({ output }: ResponseBody): OutputText[] =>
  output.flatMap((item) => (item.type === "message" ? item.content : []));
export const textOf = (response: ResponseBody): string =>
  partsOf(response)
    .map(({ text }) => text)
    .join("");

/** The events of a response's stream; each says its name twice. */
export function parseNamedEvents<Event extends { type: string }>(stream: string): Event[] {
  const blocks = stream.split("\n\n").filter((block) => block !== "" && !block.startsWith(":"));
  return blocks.map((block) => {
    const [, name, json] = /^event: (\S+)\ndata: (.*)$/s.exec(block) ?? [];
    if (json === undefined) throw new Error(`no named event: ${block.slice(0, 200)}`);
    const event = JSON.parse(json) as Event;
    if (event.type !== name) throw new Error(`the event ${name ?? ""} says that it is ${event.type}`);
    return event;
  });
}

/** The JSON of each `data:` line of an event stream; the closing [DONE] is checked and left out. */
export function parseEvents(stream: string): Record<string, unknown>[] {
  const lines = stream
    .split("\n\n")
    .filter((block) => block.startsWith("data: "))
    .map((block) => block.slice("data: ".length));
  if (lines.pop() !== "[DONE]") throw new Error(`the stream does not end with [DONE]: ${stream.slice(-200)}`);
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}
