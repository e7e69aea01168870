import { once } from "node:events";
import { connect } from "node:net";
import { Worker } from "node:worker_threads";
import type { MessagePort } from "node:worker_threads";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { ReplyBatches } from "../../src/decoder/reply-batches.ts";
import type { WorkerReply } from "../../src/decoder/worker-protocol.ts";
import { mostBatchesUnread } from "../../src/decoder/worker-protocol.ts";
import { jsonLimits } from "../../src/server/json-scan.ts";
import { ProbeServer } from "../../src/server/probe/probe-server.ts";
import { chatRequest } from "../../src/server/schemas/chat.ts";
import { nextTurn } from "../../src/server/turns.ts";
import { createTestApp } from "../support/embedded.ts";
import { Connection } from "../support/connection.ts";
import { openWatcher } from "../support/watcher.ts";
import { turnsDuring } from "../support/turns.ts";

let server: Awaited<ReturnType<typeof createTestApp>>;
beforeAll(async () => {
  server = await createTestApp();
});
afterAll(() => server[Symbol.asyncDispose]());

const completions = "/v1/completions";
const chats = "/v1/chat/completions";

async function post(url: string, payload: string | Buffer, headers: Readonly<Record<string, string>> = {}) {
  const reply = await server.app.inject({
    method: "POST",
    url,
    payload,
    headers: { "content-type": "application/json", ...headers },
  });
  return { status: reply.statusCode, ...reply.json<{ error?: { message: string; param: string | null } }>() };
}

const many = (count: number, item: (index: number) => string): string =>
  Array.from({ length: count }, (_, index) => item(index)).join(",");
const nested = (depth: number): string => "[".repeat(depth) + "]".repeat(depth);
const nestedObjects = (depth: number): string => '{"a":'.repeat(depth) + "1" + "}".repeat(depth);
const user = '{"role": "user", "content": "1+1="}';
const call = (args: string): string =>
  `{"messages": [{"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": ${JSON.stringify(args)}}}]}]}`;

describe("a body that is too deep is refused before anything goes down into it", () => {
  it.each([
    ["a field that is compared", completions, `{"prompt": "1+1=", "suffix": ${nested(5000)}}`, "suffix"],
    [
      "a field that is let be",
      completions,
      `{"prompt": "1+1=", "metadata": ${nestedObjects(5000)}}`,
      "metadata",
    ],
    ["a field of no schema", completions, `{"prompt": "1+1=", "foo": ${nested(70)}}`, "foo"],
    ["a prompt", completions, `{"prompt": ${nested(100_000)}}`, "prompt"],
    [
      "variables of a template",
      chats,
      `{"messages": [${user}], "chat_template_kwargs": ${nestedObjects(5000)}}`,
      "chat_template_kwargs",
    ],
    ["tools", chats, `{"messages": [${user}], "tools": [${nestedObjects(5000)}]}`, "tools"],
    ["tokens", "/detokenize", `{"tokens": ${nested(5000)}}`, "tokens"],
    ["no end", "/tokenize", `{"prompt": ${"[".repeat(100_000)}`, "prompt"],
  ])("%s", async (_name, url, body, field) => {
    for (const [payload, headers] of [
      [body, {}],
      [gzipSync(body), { "content-encoding": "gzip" }],
    ] as const) {
      expect(await post(url, payload, headers)).toMatchObject({
        status: 400,
        error: {
          code: "invalid_request",
          message: `The body is nested more than ${jsonLimits.depth} levels deep in '${field}'. Flatten it.`,
        },
      });
    }
  });

  it("so are a message on a socket, and a call's arguments within a body", async () => {
    const watcher = await openWatcher(server.app);
    watcher.send(`{"id": "a", "prompt": "1+1=", "suffix": ${nested(5000)}}`);
    expect(await watcher.end(null)).toMatchObject({
      error: {
        code: "invalid_request",
        message: expect.stringContaining("levels deep in 'suffix'") as unknown,
      },
    });
    watcher.socket.terminate();
  });

  it("what is as deep as it may be is read, and so are brackets within strings", async () => {
    const metadata = `[${nested(jsonLimits.depth - 2)}, "${"[".repeat(1000)}\\"${"{".repeat(1000)}"]`;
    const body = `{"prompt": "1+1=", "max_tokens": 1, "metadata": ${metadata}}`;
    expect(await post(completions, body)).toMatchObject({ status: 200 });
  });
});

describe("a body that holds too much is refused before it is parsed", () => {
  const tooMany = jsonLimits.parts + 1;
  it.each([
    [
      "unknown keys",
      completions,
      `{"prompt": "1+1=", ${many(jsonLimits.fields + 1, (index) => `"a${index}": 1`)}}`,
    ],
    [
      "unknown keys of an option",
      completions,
      `{"prompt": "1+1=", "stream_options": {${many(jsonLimits.fields + 1, (index) => `"a${index}": 1`)}}}`,
    ],
    [
      "unknown keys of a message",
      chats,
      `{"messages": [{${many(jsonLimits.fields + 1, (index) => `"a${index}": 1`)}}]}`,
    ],
    [
      "keys of logit_bias",
      completions,
      `{"prompt": "1+1=", "logit_bias": {${many(tooMany, (index) => `"${index}": 1`)}}}`,
    ],
    ["prompts", completions, `{"prompt": [${many(tooMany, () => '"a"')}]}`],
    [
      "tiny objects in what is let be",
      completions,
      `{"prompt": "1+1=", "metadata": [${many(tooMany, () => "{}")}]}`,
    ],
    ["stop strings", completions, `{"prompt": "1+1=", "stop": [${many(tooMany, () => '"a"')}]}`],
    ["stop tokens", completions, `{"prompt": "1+1=", "stop_token_ids": [${many(tooMany, () => "1")}]}`],
    ["messages", chats, `{"messages": [${many(tooMany, () => user)}]}`],
    ["numbers for messages", chats, `{"messages": [${many(tooMany, () => "1")}]}`],
    ["tools", chats, `{"messages": [${user}], "tools": [${many(tooMany, () => "{}")}]}`],
    ["literals", "/tokenize", `{"prompt": "a", "content": [${many(tooMany, () => "null")}]}`],
    ["token ids", "/detokenize", `{"tokens": [${many(jsonLimits.numbers + 1, () => "1")}]}`],
  ])("%s", async (_name, url, body) => {
    const { status, error } = await post(url, body);
    expect(status).toBe(413);
    expect(error!.message).toMatch(/^The body holds more than \d+ (names and values|numbers|fields)/);
    expect(error!.message.length).toBeLessThan(200);
  });

  it.each([
    ["a seed", `{"prompt": "1+1=", "seed": ${"9".repeat(1_000_000)}}`, "seed"],
    ["a fraction", `{"prompt": "1+1=", "temperature": 0.${"1".repeat(1_000_000)}}`, "temperature"],
    ["an id", `{"prompt": [1${"0".repeat(1_000_000)}]}`, "prompt"],
  ])("%s of a million digits", async (_name, body, field) => {
    expect(await post(completions, body)).toMatchObject({
      status: 400,
      error: {
        message: `The body holds a number of more than ${jsonLimits.digits} digits in '${field}'. Shorten it.`,
      },
    });
  });

  it("what JSON within JSON holds counts, over all calls of a conversation", async () => {
    for (const args of [nestedObjects(5000), `{"a": [${many(jsonLimits.parts + 1, () => "{}")}]}`]) {
      const { status, error } = await post(chats, call(args));
      expect([400, 413]).toContain(status);
      expect(error!.message).toMatch(/^The text of messages\.0\.tool_calls (is nested|holds) more than/);
    }
    const half = `{"a": [${many(jsonLimits.parts / 2, () => "1")}]}`;
    const calls = many(2, () => `{"function": {"name": "f", "arguments": ${JSON.stringify(half)}}}`);
    const body = `{"messages": [${user}, {"role": "assistant", "tool_calls": [${calls}]}]}`;
    expect(await post(chats, body)).toMatchObject({ status: 413 });
  });
});

describe("errors repeat a part of what a client sent", () => {
  const long = "x".repeat(100_000);
  it.each([
    [
      "unknown fields",
      completions,
      { prompt: "1+1=", ...Object.fromEntries(Array.from({ length: 1000 }, (_, index) => [`a${index}`, 1])) },
    ],
    ["a field's name", completions, { prompt: "1+1=", [long]: 1 }],
    ["a name within a field", completions, { prompt: "1+1=", logit_bias: { [long]: 1 } }],
    ["the model's name", completions, { prompt: "1+1=", model: long }],
    [
      "a part's field",
      chats,
      { messages: [{ role: "user", content: [{ type: "text", text: "a", [long]: 1 }] }] },
    ],
    ["a sampler", completions, { prompt: "1+1=", sampler: long }],
    ["a tokenizer's model", "/tokenize", { prompt: "1", model: long }],
  ])("%s", async (_name, url, body) => {
    const reply = await server.post(url, body);
    expect(reply.status).toBeGreaterThanOrEqual(400);
    expect(reply.text.length).toBeLessThan(2500);
  });

  it("unknown fields are counted where they are not named", async () => {
    const { message, param } = await server.refuse({
      prompt: "1+1=",
      ...Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`a${index}`, 1])),
    });
    expect(message).toMatch(/^Unsupported field 'a0', 'a1', .*'a7' and 12 more: /);
    expect(param).toBe("a0");
  });

  it("so over a socket", async () => {
    const watcher = await openWatcher(server.app);
    watcher.send({ id: "a", prompt: "1+1=", type: long });
    const { error } = (await watcher.end("a")) as { error: { message: string } };
    expect(error.message.length).toBeLessThan(300);
    watcher.socket.terminate();
  });
});

describe("long work takes turns", () => {
  it("a long body is read in pieces, and several of them do not share a turn", async () => {
    const body = `{"prompt": "${"1".repeat(4_000_000)}"}`;
    expect(await turnsDuring(() => post("/tokenize", body))).toBeGreaterThan(30);
    const order: string[] = [];
    const work = async (name: string): Promise<void> => {
      for (let piece = 0; piece < 3; piece++) {
        await nextTurn();
        order.push(name);
      }
    };
    const count = async (): Promise<void> => {
      for (let turn = 0; turn < 6; turn++) {
        await new Promise((resolve) => setImmediate(resolve));
        order.push("|");
      }
    };
    await Promise.all([work("a"), work("b"), count()]);
    // Between any two pieces the loop came round.
    expect(order.join("")).not.toMatch(/[ab]{2}/);
  });

  it("messages of a socket are read one a turn, in their order, and all of them are answered", async () => {
    const watcher = await openWatcher(server.app);
    const sent = 400;
    for (let index = 0; index < sent; index++) watcher.send({ id: `a${index}`, prompt: 1 });
    const turns = await turnsDuring(() => watcher.end(`a${sent - 1}`));
    expect(watcher.events.map(({ id }) => id)).toEqual(
      Array.from({ length: sent }, (_, index) => `a${index}`),
    );
    expect(turns).toBeGreaterThan(sent / 2);
    watcher.socket.terminate();
  });

  it("a socket runs so many requests and no more", async () => {
    const complete = vi.spyOn(server.completer, "complete").mockImplementation(async function* (_, signal) {
      if (!signal.aborted) await once(signal, "abort");
      yield* [];
    });
    const watcher = await openWatcher(server.app);
    for (let index = 0; index <= 256; index++) watcher.send({ id: `a${index}`, prompt: "1+1=" });
    expect(await watcher.end("a256")).toMatchObject({
      error: { code: "overloaded", message: expect.stringContaining("256 requests") as unknown },
    });
    watcher.send({ type: "cancel", id: "a0" });
    await watcher.end("a0");
    watcher.send({ id: "b", prompt: "1+1=" });
    watcher.send({ type: "cancel", id: "b" });
    expect(await watcher.end("b")).toMatchObject({ error: { code: "aborted" } });
    watcher.socket.terminate();
    complete.mockRestore();
  });
});

describe("the engine's thread", () => {
  const trace = (id: number, step: number): WorkerReply => ({
    type: "event",
    id,
    event: { type: "trace", trace: { type: "block", block: step, blocks: 9, horizon: 1, steps: 1 } },
  });

  it("has few batches of bounded size before the server's, of all calls in turn", async () => {
    // However slow the machine is: what takes long is sent before the loop turns.
    const clock = vi.spyOn(performance, "now").mockReturnValue(0);
    const posted: WorkerReply[][] = [];
    const batches = new ReplyBatches({ postMessage: (batch: WorkerReply[]) => void posted.push(batch) });
    for (let step = 0; step < 1000; step++) for (const id of [1, 2]) batches.push(trace(id, step));
    batches.push(trace(3, 0));
    clock.mockRestore();
    await new Promise((resolve) => setImmediate(resolve));
    expect(posted).toHaveLength(mostBatchesUnread);
    // A call that has one event waits for one of each, not for all.
    expect(
      posted[0]!
        .slice(0, 3)
        .map(({ id }) => id)
        .sort(),
    ).toEqual([1, 2, 3]);
    while (posted.length < 100 && posted.flat().length < 2001) batches.taken();
    expect(posted.flat()).toHaveLength(2001);
    expect(Math.max(...posted.map(({ length }) => length))).toBeLessThanOrEqual(128);
    for (const id of [1, 2]) {
      const steps = posted.flat().filter((reply) => reply.id === id);
      expect(steps).toEqual(Array.from({ length: 1000 }, (_, step) => trace(id, step)));
    }
  });

  it("has replies of all clients in turn, however many calls one has", async () => {
    const clock = vi.spyOn(performance, "now").mockReturnValue(0);
    const posted: WorkerReply[][] = [];
    const batches = new ReplyBatches({ postMessage: (batch: WorkerReply[]) => void posted.push(batch) });
    for (let id = 10; id < 3000; id++) for (const step of [0, 1]) batches.push(trace(id, step), "crowd");
    for (const step of [0, 1, 2]) batches.push(trace(1, step), "lone");
    batches.push(trace(9, 0), "left");
    batches.drop(9);
    clock.mockRestore();
    await new Promise((resolve) => setImmediate(resolve));
    expect(posted[0]!.filter(({ id }) => id === 1)).toEqual([0, 1, 2].map((step) => trace(1, step)));
    while (posted.length < 100 && posted.flat().length < 5983) batches.taken();
    expect(posted.flat()).toHaveLength(5983);
    expect(posted.flat().some(({ id }) => id === 9)).toBe(false);
  });

  it("makes no events but those that are asked for", async () => {
    const complete = vi.spyOn(server.completer, "complete");
    const watcher = await openWatcher(server.app);
    watcher.send({ id: "a", prompt: "7-2*3+4=", sampler: "power", seed: 1, events: ["decision"] });
    await watcher.end("a");
    const made: string[] = [];
    for await (const event of server.completer.complete(
      complete.mock.calls[0]![0],
      new AbortController().signal,
    ))
      made.push(event.type === "trace" ? event.trace.type : event.type);
    complete.mockRestore();
    expect(new Set(made)).toEqual(new Set(["decision", "text", "finish"]));
    expect(new Set(watcher.events.map(({ type }) => type))).toEqual(new Set(["decision", "done"]));
    watcher.socket.terminate();
  });
});

describe("health on a port of its own", () => {
  const dist = (path: string): URL => new URL(`../../dist/${path}`, import.meta.url);
  const entry = dist("server/probe/probe-thread.js");
  const workerOf = (source: string, workerData?: unknown): Worker =>
    new Worker(new URL(`data:text/javascript,${encodeURIComponent(source)}`), { workerData });
  /** An engine's thread whose health is what the one Int32 says: 0 for well. */
  const engineOf = (ails: Int32Array): Worker =>
    workerOf(
      `
      import { parentPort, workerData } from "node:worker_threads";
      import { hostCompleter } from "${dist("decoder/worker-host.js").href}";
      hostCompleter(parentPort, {
        model: { id: "fake" },
        health: async () => Atomics.load(workerData, 0) === 0 ? { status: "ok" } : { status: "failed", reason: "device lost" },
        async [Symbol.asyncDispose]() {},
      }, []);
    `,
      ails,
    );
  const ask = async (
    url: string,
  ): Promise<{ code: number; status: string; server_delay_ms: number; reason?: string }> => {
    const reply = await fetch(url);
    return { code: reply.status, ...((await reply.json()) as { status: string; server_delay_ms: number }) };
  };

  it("is told while the server's thread does nothing else, and says for how long", async () => {
    await using probe = await ProbeServer.start({ entry, host: "127.0.0.1", port: 0 });
    const engine = engineOf(new Int32Array(new SharedArrayBuffer(4)));
    await once(engine, "message");
    probe.watch(engine);
    const told = new Int32Array(new SharedArrayBuffer(8));
    // Asks until the delay shows, and wakes this very thread, which sleeps meanwhile.
    const prober = workerOf(
      `
      import { workerData } from "node:worker_threads";
      for (;;) {
        const reply = await fetch(workerData.url);
        const { status, server_delay_ms } = await reply.json();
        if (reply.status !== 200 || status !== "ok" || server_delay_ms < 200) continue;
        Atomics.store(workerData.told, 0, server_delay_ms);
        Atomics.notify(workerData.told, 0);
        break;
      }
    `,
      { url: probe.url, told },
    );
    await once(prober, "online");
    expect(Atomics.wait(told, 0, 0, 60_000)).toBe("ok");
    expect(told[0]).toBeGreaterThanOrEqual(200);
    await Promise.all([engine.terminate(), prober.terminate()]);
  });

  it("says what ails the engine, that it is gone, and that there is a new one", async () => {
    await using probe = await ProbeServer.start({ entry, host: "127.0.0.1", port: 0 });
    expect(await ask(probe.url)).toMatchObject({ code: 503, status: "starting" });
    probe.load("reading weights, 40 % of 515 MiB");
    const reason = "The engine is starting: reading weights, 40 % of 515 MiB.";
    await expect.poll(() => ask(probe.url)).toMatchObject({ code: 503, status: "starting", reason });
    const ails = new Int32Array(new SharedArrayBuffer(4));
    const engine = engineOf(ails);
    await once(engine, "message");
    probe.watch(engine);
    expect(await ask(probe.url)).toMatchObject({ code: 200, status: "ok" });
    Atomics.store(ails, 0, 1);
    expect(await ask(probe.url)).toMatchObject({ code: 503, status: "failed", reason: "device lost" });
    await engine.terminate();
    const restarting = { code: 503, status: "starting", reason: "The engine is starting." };
    await expect.poll(() => ask(probe.url)).toMatchObject(restarting);
    const other = engineOf(new Int32Array(new SharedArrayBuffer(4)));
    await once(other, "message");
    probe.watch(other);
    expect(await ask(probe.url)).toMatchObject({ code: 200, status: "ok" });
    await other.terminate();
  });

  it("is told however many connections stand open and say nothing", async () => {
    await using probe = await ProbeServer.start({ entry, host: "127.0.0.1", port: 0 });
    const { port } = new URL(probe.url);
    const silent = Array.from({ length: 200 }, () =>
      connect(Number(port), "127.0.0.1").on("error", () => undefined),
    );
    await Promise.allSettled(silent.map((socket) => once(socket, "connect")));
    expect(await ask(probe.url)).toMatchObject({ code: 503 });
    for (const socket of silent) socket.destroy();
  });

  it("asks the engine once for each connection, whatever is pipelined on it", async () => {
    await using probe = await ProbeServer.start({ entry, host: "127.0.0.1", port: 0 });
    let asked = 0;
    probe.watch({
      postMessage(message) {
        const [{ port }] = message as [{ readonly port: MessagePort }];
        port.on("message", (id: number) => {
          asked++;
          port.postMessage({ id, health: { status: "ok" } });
        });
      },
    });
    const socket = connect(Number(new URL(probe.url).port), "127.0.0.1").on("error", () => undefined);
    socket.write("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(500));
    await once(socket.resume(), "close");
    expect(await ask(probe.url)).toMatchObject({ code: 200 });
    expect(asked).toBe(2);
  });

  it("is all that is told there, and a port that is taken is an error", async () => {
    await using probe = await ProbeServer.start({ entry, host: "127.0.0.1", port: 0 });
    const { origin, port } = new URL(probe.url);
    for (const path of ["/", "/v1/models", "/metrics"]) expect((await fetch(origin + path)).status).toBe(404);
    expect((await fetch(probe.url, { method: "POST", body: "x" })).status).toBe(404);
    await expect(ProbeServer.start({ entry, host: "127.0.0.1", port: Number(port) })).rejects.toMatchObject({
      code: "invalid_request",
      message: expect.stringContaining("--health-port") as unknown,
    });
  });
});

describe("a list is told by its first wrong item", () => {
  const wrong = Array.from({ length: 10_000 }, () => ({ type: "x" }));
  it.each([
    ["messages", { messages: wrong }, "messages.0.role"],
    ["numbers", { messages: wrong.map(() => 1) }, "messages.0"],
    ["a message behind others", { messages: [{ role: "user", content: "1" }, ...wrong] }, "messages.1.role"],
    ["tool calls", { messages: [{ role: "assistant", tool_calls: wrong }] }, "messages.0.tool_calls.0.type"],
    ["tools", { messages: [{ role: "user" }], tools: wrong.map(() => 1) }, "tools.0"],
    ["documents", { messages: [{ role: "user" }], documents: wrong.map(() => null) }, "documents.0"],
  ])("%s", (_name, body, path) => {
    const { issues } = chatRequest.safeParse(body).error!;
    expect(new Set(issues.map((issue) => issue.path[1]))).toEqual(new Set([issues[0]!.path[1]]));
    expect(issues[0]!.path.join(".")).toBe(path);
    expect(issues.length).toBeLessThan(4);
  });
});

describe("what many clients may ask for at once is done once", () => {
  it("a body in tiny chunks is refused, and its connection closed; a few of them are fine", async () => {
    using connection = await Connection.open(server.app);
    const head =
      "POST /tokenize HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
    const chunks = Array.from('{"prompt": "1+1="}')
      .map((byte) => `1\r\n${byte}\r\n`)
      .join("");
    await connection.send(`${head}${chunks}0\r\n\r\n`);
    expect(await connection.response()).toMatchObject({ status: 200 });
    await connection.send(head + "1\r\n \r\n".repeat(50_000));
    expect(await connection.response()).toMatchObject({ status: 413, headers: { connection: "close" } });
    await connection.closed();
  });

  it("the document of the API is written once for each place that it is read at", async () => {
    const swagger = vi.spyOn(server.app, "swagger");
    for (let round = 0; round < 3; round++) {
      for (const url of ["/openapi.yaml", "/docs/yaml", "/docs/json"])
        expect((await server.app.inject({ url })).statusCode).toBe(200);
    }
    expect(swagger).toHaveBeenCalledTimes(3);
    swagger.mockRestore();
  });

  it("metrics that are asked for at once are gathered once", async () => {
    const health = vi.spyOn(server.completer, "health");
    const replies = await Promise.all(
      Array.from({ length: 20 }, () => server.app.inject({ url: "/metrics" })),
    );
    expect(new Set(replies.map(({ statusCode }) => statusCode))).toEqual(new Set([200]));
    expect(health.mock.calls.length).toBeLessThan(replies.length);
    health.mockRestore();
  });
});
