import { describe, expect, it, vi } from "vitest";
import type { ResponseEvent } from "../../src/server/schemas/responses/events.ts";
import type { ResponseBody } from "../../src/server/schemas/responses/response.ts";
import { createTestApp, parseNamedEvents, textOf } from "../support/embedded.ts";
import { Gate } from "../support/gate.ts";
import { createToyCompleter } from "../support/toy-completer.ts";

/** What is kept of responses, for whom, and until when. */

type Options = NonNullable<Parameters<typeof createTestApp>[0]>;

const path = "/v1/responses";
const input = "1+1=";

async function createServer(options: Options = {}) {
  const server = await createTestApp(options);
  const ask = async (
    method: "GET" | "POST" | "DELETE",
    url: string,
    { key = "", body }: { key?: string; body?: object } = {},
  ) => {
    const reply = await server.app.inject({
      method,
      url: path + url,
      headers: key === "" ? {} : { authorization: `Bearer ${key}` },
      ...(body === undefined ? {} : { payload: body }),
    });
    return {
      status: reply.statusCode,
      text: reply.body,
      json: () => reply.json<ResponseBody & { error: { code: string; param: string; message: string } }>(),
    };
  };
  return {
    ...server,
    ask,
    create: async (body: object = {}, key = "") =>
      (await ask("POST", "", { key, body: { input, sampler: "greedy", ...body } })).json(),
    status: async (id: string, key = "") => (await ask("GET", `/${id}`, { key })).status,
    stored: async () => {
      const { body } = await server.app.inject({ url: "/metrics" });
      const read = (name: string) => Number(new RegExp(`^metropolis_${name} (\\d+)$`, "m").exec(body)?.[1]);
      return { responses: read("stored_responses"), bytes: read("stored_response_bytes") };
    },
    events: async (url: string) => parseNamedEvents<ResponseEvent>((await ask("GET", url)).text),
  };
}

/** A toy whose passes wait until they are let through. */
async function createGated(options: Options = {}) {
  const gate = new Gate();
  const completer = await createToyCompleter({ onStep: gate.onStep });
  return { ...(await createServer({ completer, ...options })), gate };
}

describe("a stored response", () => {
  it("is retrieved as it was returned, whole and as the events that were sent", async () => {
    await using server = await createServer();
    const body = { input, sampler: "greedy", include: ["message.output_text.logprobs"], top_logprobs: 1 };
    const whole = await server.ask("POST", "", { body });
    const { id } = whole.json();
    expect((await server.ask("GET", `/${id}`)).text).toBe(whole.text);
    expect((await server.ask("GET", `/${id}?include[]=message.output_text.logprobs`)).text).toBe(whole.text);
    const streamed = await server.ask("POST", "", { body: { ...body, stream: true } });
    const sent = parseNamedEvents<ResponseEvent>(streamed.text);
    const streamedId = (sent[0] as { response: ResponseBody }).response.id;
    const again = await server.ask("GET", `/${streamedId}?stream=true`);
    expect(again.text).toBe(streamed.text);
    expect(await server.events(`/${streamedId}?stream=true&starting_after=4`)).toEqual(sent.slice(5));
    expect(await server.events(`/${streamedId}?stream=true&starting_after=99`)).toEqual([]);
  });

  it("is gone once it is deleted, and so is what went on from it", async () => {
    await using server = await createServer();
    const first = await server.create();
    const second = await server.create({ previous_response_id: first.id });
    expect((await server.ask("DELETE", `/${first.id}`)).json()).toEqual({
      id: first.id,
      object: "response",
      deleted: true,
    });
    expect(await server.status(first.id)).toBe(404);
    expect((await server.ask("DELETE", `/${first.id}`)).status).toBe(404);
    expect(await server.status(second.id)).toBe(200);
    const third = await server.create({ previous_response_id: second.id });
    expect(third.error).toMatchObject({ code: "previous_response_not_found", param: "previous_response_id" });
    expect(third.error.message).toContain(first.id);
    expect((await server.ask("GET", `/${second.id}/input_items`)).status).toBe(400);
    expect((await server.ask("POST", `/${first.id}/cancel`)).json().error).toMatchObject({
      code: "response_not_found",
    });
  });

  it("keeps nothing with store: false, nor of what failed before anybody heard of it", async () => {
    await using server = await createServer();
    const { id, store } = await server.create({ store: false });
    expect([store, await server.status(id), (await server.stored()).responses]).toEqual([false, 404, 0]);
    const failed = await server.create({ sampler: "exact", alpha: 1000, max_tries: 1, input: "7-2*3+4=" });
    expect(failed.error.code).toBe("budget_exhausted");
    expect(await server.stored()).toEqual({ responses: 0, bytes: 0 });
  });

  it("is its key's own", async () => {
    await using server = await createServer({ apiKeys: ["ada", "eve"] });
    const { id, output } = await server.create({}, "ada");
    expect([await server.status(id, "ada"), await server.status(id, "eve"), await server.status(id)]).toEqual(
      [200, 404, 401],
    );
    const eve = (method: "GET" | "POST" | "DELETE", url: string) => server.ask(method, url, { key: "eve" });
    expect((await eve("DELETE", `/${id}`)).status).toBe(404);
    expect((await eve("GET", `/${id}/input_items`)).status).toBe(404);
    expect((await eve("GET", `/${id}?stream=true`)).status).toBe(404);
    expect((await eve("POST", `/${id}/cancel`)).status).toBe(404);
    expect((await server.create({ previous_response_id: id }, "eve")).error).toMatchObject({
      code: "previous_response_not_found",
    });
    const referred = [
      { type: "item_reference", id: output[0]!.id },
      { role: "user", content: input },
    ];
    expect((await server.create({ input: referred }, "eve")).error.param).toBe("input.0.id");
    expect((await server.create({ input: referred }, "ada")).status).toBe("completed");
    expect(await server.status(id, "ada")).toBe(200);
  });

  it("makes room for newer ones, that which was used longest ago first", async () => {
    await using server = await createServer({ responseStore: { maxResponses: 3 } });
    const [a, b, c] = [await server.create(), await server.create(), await server.create()];
    expect(await server.status(a.id)).toBe(200);
    const d = await server.create();
    expect(await Promise.all([a, b, c, d].map(({ id }) => server.status(id)))).toEqual([200, 404, 200, 200]);
    expect((await server.stored()).responses).toBe(3);
  });

  it("counts bytes, makes room by them, and is refused where an empty store could not hold it", async () => {
    await using server = await createServer({ responseStore: { maxBytes: 12_000 } });
    const metadata = { long: "x".repeat(500) };
    const ids: string[] = [];
    for (let index = 0; index < 12; index++) ids.push((await server.create({ metadata })).id);
    const { responses, bytes } = await server.stored();
    expect(responses).toBeGreaterThan(2);
    expect(responses).toBeLessThan(12);
    expect(bytes).toBeLessThanOrEqual(12_000);
    expect(await server.status(ids[0]!)).toBe(404);
    expect(await server.status(ids.at(-1)!)).toBe(200);
    const large = { include: ["message.output_text.logprobs"], top_logprobs: 10 };
    expect((await server.create(large)).error).toMatchObject({ code: "invalid_request", param: "store" });
    expect((await server.create({ ...large, store: false })).status).toBe("completed");
    for (const id of ids) await server.ask("DELETE", `/${id}`);
    expect(await server.stored()).toEqual({ responses: 0, bytes: 0 });
  });

  it("is not pushed out by another client that has more", async () => {
    await using server = await createServer({ apiKeys: ["ada", "eve"], responseStore: { maxResponses: 4 } });
    const { id } = await server.create({}, "ada");
    for (let index = 0; index < 8; index++) await server.create({}, "eve");
    expect(await server.status(id, "ada")).toBe(200);
  });

  it("is gone when its lifetime is over after its last use", async () => {
    vi.useFakeTimers({ toFake: ["Date", "setInterval", "clearInterval"] });
    try {
      await using server = await createServer({ responseStore: { lifetimeMs: 10_000 } });
      const [used, unused] = [await server.create(), await server.create()];
      vi.advanceTimersByTime(6000);
      expect(await server.status(used.id)).toBe(200);
      vi.advanceTimersByTime(6000);
      expect((await server.stored()).responses).toBe(1);
      expect([await server.status(used.id), await server.status(unused.id)]).toEqual([200, 404]);
    } finally {
      vi.useRealTimers();
    }
  });

  it("is lost with the server, which keeps responses in memory", async () => {
    const server = await createServer();
    const { id } = await server.create();
    await server.app.close();
    await using next = await createServer({ completer: server.completer });
    expect(await next.status(id)).toBe(404);
  });

  it("is none where the server keeps none: refused by name where it is asked for", async () => {
    await using server = await createServer({ responseStore: { maxBytes: 0 } });
    const { id, store } = await server.create();
    expect([store, await server.status(id)]).toEqual([false, 404]);
    expect((await server.create({ store: true })).error.param).toBe("store");
    expect((await server.create({ background: true })).error.param).toBe("background");
  });

  it("refuses queries by name", async () => {
    await using server = await createServer();
    const { id } = await server.create();
    for (const [query, param] of [
      ["stream=yes", "stream"],
      ["starting_after=1", "starting_after"],
      ["stream=true&starting_after=-1", "starting_after"],
      ["include=message.output_text.logprobs", "include"],
      ["include[]=reasoning.encrypted_content", "include[]"],
      ["steam=true", "steam"],
    ]) {
      const reply = await server.ask("GET", `/${id}?${query}`);
      expect([reply.status, reply.json().error.param], query).toEqual([400, param]);
    }
    expect((await server.ask("POST", `/${id}/cancel`)).json().error).toMatchObject({
      code: "invalid_request",
      param: "response_id",
    });
  });
});

describe("a response in the background", () => {
  it("is under way at once, retrieved as it comes, and streamed by any number of readers", async () => {
    await using server = await createGated();
    const begun = await server.create({ background: true, stream: false, max_output_tokens: 8 });
    expect(begun).toMatchObject({ status: "queued", background: true, output: [], usage: null });
    await server.gate.reached;
    expect((await server.ask("GET", `/${begun.id}`)).json()).toMatchObject({
      status: "in_progress",
      output: [],
    });
    expect((await server.create({ previous_response_id: begun.id })).error.param).toBe(
      "previous_response_id",
    );
    const readers = [
      server.events(`/${begun.id}?stream=true`),
      server.events(`/${begun.id}?stream=true&starting_after=2`),
    ];
    server.gate.open();
    const [all, late] = await Promise.all(readers);
    expect(all!.slice(0, 3).map(({ type }) => type)).toEqual([
      "response.created",
      "response.queued",
      "response.in_progress",
    ]);
    expect(all!.map(({ sequence_number }) => sequence_number)).toEqual(all!.map((_, index) => index));
    expect(late).toEqual(all!.slice(3));
    const done = (await server.ask("GET", `/${begun.id}`)).json();
    expect(done.status).toMatch(/^(completed|incomplete)$/);
    expect(all!.at(-1)).toMatchObject({ response: { id: begun.id, output: done.output } });
    expect(await server.stored()).toMatchObject({ responses: 1 });
  });

  it("is cancelled, once, with what it has come to, and its work ends", async () => {
    await using server = await createGated();
    const { id } = await server.create({ background: true });
    await server.gate.reached;
    const events = server.events(`/${id}?stream=true`);
    const cancelled = (await server.ask("POST", `/${id}/cancel`)).json();
    expect(cancelled).toMatchObject({ id, status: "cancelled", error: null, output: [] });
    // As the SDK for Python sends it.
    const url = `${path}/${id}/cancel`;
    const headers = { "content-type": "application/json" };
    const again = await server.app.inject({ method: "POST", url, headers, payload: "" });
    expect(again.json()).toEqual(cancelled);
    expect((await events).at(-1)).toMatchObject({
      type: "response.incomplete",
      response: { status: "cancelled" },
    });
    server.gate.open();
    await expect.poll(async () => (await server.completer.health()).details?.sequences.open).toBe(0);
    expect((await server.ask("GET", `/${id}`)).json().status).toBe("cancelled");
    const next = await server.create({ previous_response_id: id, max_output_tokens: 2 });
    expect(next.output).toHaveLength(1);
  });

  it("ends when it is deleted, and when the server closes", async () => {
    const server = await createGated();
    const [one, other] = [
      await server.create({ background: true }),
      await server.create({ background: true }),
    ];
    await server.gate.reached;
    expect((await server.ask("DELETE", `/${one.id}`)).status).toBe(200);
    expect(await server.status(one.id)).toBe(404);
    expect(await server.status(other.id)).toBe(200);
    await server.app.close();
    server.gate.open();
    await expect.poll(async () => (await server.completer.health()).details?.sequences.open).toBe(0);
    await server.completer[Symbol.asyncDispose]();
  });

  it("fails by what goes wrong, and by the time it may take", async () => {
    const failing = await createToyCompleter({
      onStep: () => {
        throw new Error("the device is gone");
      },
    });
    await using server = await createServer({ completer: failing });
    const { id } = await server.create({ background: true });
    await expect.poll(async () => (await server.ask("GET", `/${id}`)).json().status).toBe("failed");
    const failed = (await server.ask("GET", `/${id}`)).json();
    expect(failed).toMatchObject({ error: { code: "engine_failed" }, output: [] });
    const events = await server.events(`/${id}?stream=true`);
    expect(events.slice(-2)).toMatchObject([
      { type: "error", code: "engine_failed" },
      { type: "response.failed", response: { status: "failed" } },
    ]);
    await using slow = await createGated({ requestTimeoutMs: 200 });
    const late = await slow.create({ background: true });
    await expect
      .poll(async () => (await slow.ask("GET", `/${late.id}`)).json())
      .toMatchObject({ status: "failed", error: { code: "deadline_exceeded" } });
    slow.gate.open();
  });

  it("is turned away where there is no room, in the store and before the engine", async () => {
    await using full = await createGated({ responseStore: { maxResponses: 1 } });
    const { id } = await full.create({ background: true });
    expect((await full.create({ background: true })).error).toMatchObject({
      code: "overloaded",
      param: "store",
    });
    expect((await full.create()).error).toMatchObject({ code: "overloaded" });
    expect(await full.status(id)).toBe(200);
    full.gate.open();
    await using busy = await createGated({ limits: { maxCompletions: 1 } });
    await busy.create({ background: true });
    expect((await busy.create({ background: true })).error).toMatchObject({ code: "overloaded" });
    expect((await busy.stored()).responses).toBe(1);
    busy.gate.open();
  });
});

describe("a client that leaves", () => {
  type Gated = Awaited<ReturnType<typeof createGated>>;

  /** Sends a request over TCP, and waits until it runs. @returns its answer, and how to leave */
  async function send({ app, gate }: Gated, body: object) {
    const url = await app.listen({ port: 0, host: "127.0.0.1" });
    const controller = new AbortController();
    const reply = fetch(url + path, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ input, ...body }),
      signal: controller.signal,
    });
    reply.catch(() => undefined);
    await gate.reached;
    const leave = (): void => {
      controller.abort();
    };
    return { reply, leave };
  }

  async function idOf(reply: Promise<Response>): Promise<string> {
    const reader = (await reply).body!.pipeThrough(new TextDecoderStream()).getReader();
    const { value = "" } = await reader.read();
    return /"id":"(resp_\w+)"/.exec(value)![1]!;
  }

  const running = async ({ app }: Gated) =>
    /^metropolis_num_requests_running (\d+)$/m.exec((await app.inject({ url: "/metrics" })).body)![1];

  it("amid a stream ends it, and finds it cancelled", async () => {
    await using server = await createGated();
    const { reply, leave } = await send(server, { stream: true });
    const id = await idOf(reply);
    leave();
    await expect.poll(async () => (await server.ask("GET", `/${id}`)).json().status).toBe("cancelled");
    server.gate.open();
    await expect.poll(() => running(server)).toBe("0");
    await expect.poll(async () => (await server.completer.health()).details?.sequences.open).toBe(0);
  });

  it("before a whole answer leaves nothing behind", async () => {
    await using server = await createGated();
    const { leave } = await send(server, {});
    expect((await server.stored()).responses).toBe(1);
    leave();
    server.gate.open();
    await expect.poll(() => running(server)).toBe("0");
    await expect.poll(() => server.stored()).toEqual({ responses: 0, bytes: 0 });
  });

  it("ends nothing that runs in the background", async () => {
    await using server = await createGated();
    const { reply, leave } = await send(server, { background: true, stream: true, max_output_tokens: 4 });
    const id = await idOf(reply);
    leave();
    server.gate.open();
    await expect
      .poll(async () => (await server.ask("GET", `/${id}`)).json().status)
      .toMatch(/completed|incomplete/);
    expect((await server.events(`/${id}?stream=true`)).at(-1)!.type).toMatch(/completed|incomplete/);
  });
});

describe("a stream", () => {
  it("that fails says why, and is kept as failed", async () => {
    let passes = 0;
    const completer = await createToyCompleter({
      onStep: () => {
        if (++passes > 6) throw new Error("the device is gone");
      },
    });
    await using server = await createServer({ completer });
    const reply = await server.ask("POST", "", { body: { input, seed: 3, stream: true } });
    const events = parseNamedEvents<ResponseEvent>(reply.text);
    expect(events.slice(-2)).toMatchObject([
      { type: "error", code: "engine_failed", param: null },
      { type: "response.failed", response: { status: "failed", error: { code: "engine_failed" } } },
    ]);
    expect(events.map(({ sequence_number }) => sequence_number)).toEqual(events.map((_, index) => index));
    const { id } = (events[0] as { response: ResponseBody }).response;
    const kept = (await server.ask("GET", `/${id}`)).json();
    expect(kept.status).toBe("failed");
    const text = events
      .flatMap((event) => (event.type === "response.output_text.delta" ? [event.delta] : []))
      .join("");
    expect(textOf(kept)).toBe(text);
  });
});
