import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ClientError, MetropolisClient, noText, revise } from "../../src/client/client.ts";
import type { WatchEvent } from "../../src/client/client.ts";
import { textOf } from "../support/embedded.ts";
import { ServerProcess } from "../support/server-process.ts";

let server: ServerProcess;
let client: MetropolisClient;
beforeAll(async () => {
  server = await ServerProcess.start(["--api-key", "sésame"]);
  client = new MetropolisClient({ baseUrl: `${server.url}/`, apiKey: "sésame" });
});
afterAll(() => server[Symbol.asyncDispose]());

const prompt = "7-2*3+4=";
const power = { prompt, sampler: "power", seed: 1 } as const;
const slow = { sampler: "power", seed: 1, mcmc_steps: 10_000, proposal_temperature: 1 } as const;
const endless = { prompt, ...slow };

async function failureOf(promise: Promise<unknown>): Promise<ClientError> {
  const error: unknown = await promise.catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(ClientError);
  return error as ClientError;
}

async function drain(events: AsyncIterable<WatchEvent>): Promise<WatchEvent[]> {
  const all: WatchEvent[] = [];
  for await (const event of events) all.push(event);
  return all;
}

async function openSequences(): Promise<number> {
  const health = (await (await fetch(`${server.url}/health`)).json()) as { sequences: { open: number } };
  return health.sequences.open;
}

const untilIdle = (): Promise<void> => expect.poll(openSequences).toBe(0);

describe("the client", () => {
  it("completes, chats, lists the models, and says what the server refuses", async () => {
    const completion = await client.complete(power);
    expect(completion.choices[0]!.text).toBe("2*3=6;7-6=1;1+4=5;#5");
    const chat = await client.chat({ messages: [{ role: "user", content: prompt }], model: "abacus:greedy" });
    expect(chat.choices[0]!.message.content).toMatch(/#/);
    expect((await client.models()).map(({ id }) => id)).toContain("abacus:power");
    expect(await failureOf(client.complete({ prompt, alpha: 0.5 }))).toMatchObject({
      code: "invalid_request",
      param: "alpha",
    });
    const stranger = new MetropolisClient({ baseUrl: server.url });
    expect(await failureOf(stranger.complete(power))).toMatchObject({ code: "invalid_api_key" });
    const controller = new AbortController();
    const cancelled = failureOf(client.complete(endless, { signal: controller.signal }));
    await expect.poll(() => server.running("sésame")).toBe(1);
    controller.abort();
    expect(await cancelled).toMatchObject({ code: "aborted" });
  });

  it("creates responses, comes back to them, and goes on from them", async () => {
    const first = await client.respond({ input: prompt, sampler: "power", seed: 1 });
    expect(textOf(first)).toBe("2*3=6;7-6=1;1+4=5;#5");
    expect(await client.response(first.id)).toEqual(first);
    const second = await client.respond({
      input: "1+1=",
      previous_response_id: first.id,
      model: "abacus:greedy",
    });
    const { data, has_more } = await client.responseInput(second.id, { order: "asc", limit: 2 });
    expect([data.length, has_more]).toEqual([2, true]);
    await client.deleteResponse(first.id);
    expect(await failureOf(client.response(first.id))).toMatchObject({ code: "response_not_found" });
    const begun = await client.respond({ input: prompt, background: true, ...slow });
    expect(begun.status).toBe("queued");
    expect((await client.cancelResponse(begun.id)).status).toBe("cancelled");
    await untilIdle();
  });

  it("watches several requests at once, each ending with what complete returns", async () => {
    const watched = await Promise.all(
      [1, 2, 3].map((seed) => drain(client.watch({ ...power, seed, proposal_temperature: 1 }))),
    );
    for (const [index, events] of watched.entries()) {
      const done = events.at(-1)!;
      if (done.type !== "done") throw new Error("a watch ends with done");
      const whole = await client.complete({ ...power, seed: index + 1, proposal_temperature: 1 });
      expect(done.response.choices[0]!.text).toBe(whole.choices[0]!.text);
      const revised = events.reduce(
        (text, event) => (event.type === "revision" ? revise(text, event) : text),
        noText,
      );
      expect(revised.text).toBe(whole.choices[0]!.text);
    }
    const narrow = await drain(client.watch(power, { events: ["token"] }));
    expect(new Set(narrow.map(({ type }) => type))).toEqual(new Set(["token", "done"]));
  });

  it("cancels when its loop is left or its signal aborts, and the server stops", async () => {
    for await (const event of client.watch(endless)) if (event.type === "decision") break;
    await untilIdle();
    const controller = new AbortController();
    const watching = async (): Promise<void> => {
      for await (const event of client.watch(endless, { signal: controller.signal }))
        if (event.type === "decision") controller.abort();
    };
    expect(await failureOf(watching())).toMatchObject({ code: "aborted" });
    await untilIdle();
  });

  it("throws what the server says, and why a socket would not open", async () => {
    expect(await failureOf(drain(client.watch({ prompt: "7 apples=" })))).toMatchObject({
      code: "invalid_request",
      param: "prompt",
    });
    expect(await failureOf(drain(client.watch({ prompt: "1".repeat(9_000_000) })))).toMatchObject({
      message: expect.stringMatching(/larger/) as unknown,
    });
    const stranger = new MetropolisClient({ baseUrl: server.url, apiKey: "wrong" });
    expect(await failureOf(drain(stranger.watch(power)))).toMatchObject({ code: "invalid_api_key" });
    // A key that no header carries is not a server that is down.
    const unsendable = new MetropolisClient({ baseUrl: server.url, apiKey: "鍵" });
    expect(await failureOf(unsendable.models())).toMatchObject({ code: "invalid_api_key" });
    expect(() => new MetropolisClient({ baseUrl: "localhost:8000" })).toThrow("as http://127.0.0.1:8000");
    const nowhere = new MetropolisClient({ baseUrl: "http://127.0.0.1:9" });
    expect(await failureOf(drain(nowhere.watch(power)))).toMatchObject({ code: "unreachable" });
  });

  it("says that the connection was lost, and connects again to a server that is back", async () => {
    const other = await ServerProcess.start();
    const { port } = new URL(other.url);
    const near = new MetropolisClient({ baseUrl: other.url });
    const lost = failureOf(drain(near.watch(endless)));
    for await (const event of near.watch(endless)) if (event.type === "decision") break;
    other.signal("SIGKILL");
    expect(await lost).toMatchObject({ code: "connection_lost" });
    await other.exit();
    expect(await failureOf(drain(near.watch(power)))).toMatchObject({ code: "unreachable" });
    await using _back = await ServerProcess.start(["--port", port]);
    expect((await drain(near.watch(power))).at(-1)!.type).toBe("done");
  });
});
