import { setMaxListeners } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { InferenceError } from "../../../src/core/errors.ts";
import type { GenerateRequest } from "../../../src/decoder/completer.ts";
import { WorkerCompleter } from "../../../src/decoder/worker-completer.ts";
import type { WorkerCompleterOptions } from "../../../src/decoder/worker-completer.ts";
import { mostUnreadEvents } from "../../../src/decoder/worker-protocol.ts";
import { bytePrompts, byteTokenizer } from "../../support/byte-tokenizer.ts";
import { never } from "../../support/toy-engine.ts";

/** A worker that does what the seed of a request says. */
const script = `
  import { parentPort } from "node:worker_threads";
  parentPort.postMessage({ type: "ready", model: { id: "fake" }, notes: ["hello"] });
  const take = (message) => {
    if (message.type === "stop") parentPort.close();
    if (message.type === "health") return; // hangs
    if (message.type !== "complete") return;
    if (message.request.seed === 1) process.exit(3);
    if (message.request.seed === 2) throw new Error("out of memory");
    if (message.request.seed === 3) return parentPort.postMessage([{ type: "error", id: message.id, error: { code: "numerical_error", message: "NaN", param: "x" } }]);
    parentPort.postMessage([{ type: "event", id: message.id, event: { type: "finish", reason: "stop" } }]);
    parentPort.postMessage([{ type: "end", id: message.id }]);
  };
  parentPort.on("message", (messages) => messages.forEach(take));
`;

const entryOf = (source: string): URL => new URL(`data:text/javascript,${encodeURIComponent(source)}`);

const notes: string[] = [];
let completer: WorkerCompleter | undefined;
const start = async (
  source = script,
  workerData: unknown = {},
  options: Partial<WorkerCompleterOptions> = {},
): Promise<WorkerCompleter> => {
  completer = await WorkerCompleter.start({
    entry: entryOf(source),
    workerData,
    tokenizer: byteTokenizer(),
    prompts: bytePrompts(),
    onNote: (note) => notes.push(note),
    healthTimeoutMs: 60_000,
    ...options,
  });
  return completer;
};
afterEach(async () => {
  await completer?.[Symbol.asyncDispose]();
  completer = undefined;
  notes.length = 0;
});

const request = (seed: number): GenerateRequest => ({
  prompt: [1],
  settings: { sampler: "greedy" },
  maxTokens: 1,
  stop: [],
  seed,
  choice: 0,
  topCount: 0,
});

async function types(worker: WorkerCompleter, seed: number): Promise<string[]> {
  const seen: string[] = [];
  for await (const event of worker.complete(request(seed), never)) seen.push(event.type);
  return seen;
}

describe("WorkerCompleter", () => {
  it.each([
    ["exits", 1],
    ["throws", 2],
  ])("fails what ran when the worker %s, replaces it, and serves on", async (_, seed) => {
    const worker = await start();
    const waiting = types(worker, seed);
    await expect(waiting).rejects.toMatchObject({ code: "engine_failed" });
    expect(await types(worker, 0)).toEqual(["finish"]);
    expect(notes.some((note) => note.includes("restarting"))).toBe(true);
  });

  it("tells how far a worker has come before it is ready, of the first and of those that replace it", async () => {
    const progress: unknown[] = [];
    const loading = `
      import { parentPort as port } from "node:worker_threads";
      for (const bytes of [0, 5, 10]) port.postMessage({ type: "loading", progress: { stage: "reading", bytes, totalBytes: 10 } });
    `;
    const worker = await start(loading + script, {}, { onProgress: (one) => progress.push(one) });
    const told = [0, 5, 10].map((bytes) => ({ stage: "reading", bytes, totalBytes: 10 }));
    expect(progress).toEqual(told);
    await expect(types(worker, 1)).rejects.toMatchObject({ code: "engine_failed" });
    await types(worker, 0);
    expect(progress).toEqual([...told, ...told]);
  });

  it("carries errors over as they are", async () => {
    const worker = await start();
    await expect(types(worker, 3)).rejects.toMatchObject({ code: "numerical_error", param: "x" });
    await expect(types(worker, 3)).rejects.toBeInstanceOf(InferenceError);
  });

  it("replaces a worker whose engine failed, once that has let go of what it holds", async () => {
    const released = new Int32Array(new SharedArrayBuffer(4));
    const host = new URL("../../../dist/decoder/worker-host.js", import.meta.url);
    const errors = new URL("../../../dist/core/errors.js", import.meta.url);
    const source = `
      import { parentPort, workerData } from "node:worker_threads";
      import { hostCompleter } from "${host.href}";
      import { InferenceError } from "${errors.href}";
      hostCompleter(parentPort, {
        model: { id: "fake" },
        async *complete({ seed }) {
          if (seed === 4) throw new InferenceError("engine_failed", "device lost");
          yield { type: "finish", reason: "stop" };
        },
        health: async () => ({ status: "failed", evaluatedTokens: 0, details: { kind: "local" } }),
        async [Symbol.asyncDispose]() { Atomics.add(workerData, 0, 1); },
      }, []);
    `;
    const worker = await start(source, released);
    await expect(types(worker, 4)).rejects.toMatchObject({
      code: "engine_failed",
      message: expect.stringContaining("device lost") as unknown,
    });
    expect(Atomics.load(released, 0)).toBe(1);
    expect(await types(worker, 0)).toEqual(["finish"]);
  });

  it("keeps a worker whose model a server elsewhere runs: what fails there is its call's alone", async () => {
    const host = new URL("../../../dist/decoder/worker-host.js", import.meta.url);
    const errors = new URL("../../../dist/core/errors.js", import.meta.url);
    const source = `
      import { parentPort } from "node:worker_threads";
      import { hostCompleter } from "${host.href}";
      import { InferenceError } from "${errors.href}";
      let fail;
      const failed = new Promise((resolve) => (fail = resolve));
      hostCompleter(parentPort, {
        model: { id: "fake" },
        async *complete({ seed }) {
          if (seed === 4) { fail(); throw new InferenceError("engine_failed", "key refused"); }
          await failed;
          yield { type: "finish", reason: "stop" };
        },
        health: async () => ({ status: "ok", evaluatedTokens: 0, details: { kind: "remote" } }),
        async [Symbol.asyncDispose]() { parentPort.close(); },
      }, []);
    `;
    const worker = await start(source);
    const other = types(worker, 0);
    await expect(types(worker, 4)).rejects.toMatchObject({ code: "engine_failed", message: "key refused" });
    expect(await other).toEqual(["finish"]);
    expect(notes).toEqual([]);
  });

  describe("whose worker dies and does not start again", () => {
    // The first worker serves until a request makes it die; its replacements cannot start.
    const source = `
      import { parentPort, workerData } from "node:worker_threads";
      if (Atomics.add(workerData, 0, 1) === 0) {
        parentPort.postMessage({ type: "ready", model: { id: "fake" }, notes: [] });
        parentPort.on("message", () => process.exit(3));
      } else parentPort.postMessage({ type: "unusable", error: { code: "unsupported", message: "no GPU" } });
    `;
    const startDying = async (options: Partial<WorkerCompleterOptions> = {}): Promise<WorkerCompleter> => {
      const worker = await start(source, new Int32Array(new SharedArrayBuffer(4)), options);
      await expect(types(worker, 0)).rejects.toMatchObject({ code: "engine_failed" });
      return worker;
    };

    it("fails the calls that wait for it with the reason, and later ones at once", async () => {
      const worker = await startDying();
      const reason = {
        code: "engine_failed",
        message: expect.stringMatching(/did not start: no GPU.*send the request later/) as unknown,
      };
      await expect(types(worker, 0)).rejects.toMatchObject(reason);
      const told = notes.length;
      // Many more than attempts are made meanwhile.
      for (let call = 0; call < 100; call++) {
        await expect(types(worker, 0)).rejects.toMatchObject(reason);
        await expect(worker.health()).rejects.toMatchObject(reason);
      }
      expect(notes.length).toBeLessThan(told + 100);
    });

    it("answers for its health in time, and lets go of calls that are cancelled", async () => {
      const worker = await startDying({ healthTimeoutMs: 100 });
      await expect(worker.health()).rejects.toMatchObject({ code: "engine_failed" });
      const controller = new AbortController();
      const waiting = worker.complete(request(0), controller.signal).next();
      controller.abort();
      await expect(waiting).rejects.toMatchObject({ code: "aborted" });
    });
  });

  describe("that is asked what completions can be held to", () => {
    const constraint = { field: "guided_regex", language: { kind: "regex", pattern: "1" } } as const;
    /** Counts how often it is asked, and told that nobody waits. */
    const sourceOf = (work: string): string => `
      import { parentPort, workerData } from "node:worker_threads";
      parentPort.postMessage({ type: "ready", model: { id: "fake" }, notes: [] });
      parentPort.on("message", (messages) => messages.forEach(({ type, id }) => {
        if (type === "stop") parentPort.close();
        if (type === "check_constraint") { Atomics.add(workerData, 0, 1); ${work} }
        if (type === "abort") Atomics.add(workerData, 1, 1);
      }));
    `;
    const counts = () => new Int32Array(new SharedArrayBuffer(8));

    it("fails when the worker dies over it, and serves on", async () => {
      const source = sourceOf(`
        if (Atomics.load(workerData, 0) === 1) process.exit(3);
        parentPort.postMessage([{ type: "end", id }]);
      `);
      const worker = await start(source, counts());
      const asked = worker.checkConstraint({ constraint }, never);
      await expect(asked).rejects.toMatchObject({ code: "engine_failed" });
      await expect(worker.checkConstraint({ constraint }, never)).resolves.toBeUndefined();
    });

    it("is not waited for by a client that leaves, and is told so", async () => {
      const asked = counts();
      const worker = await start(sourceOf(""), asked);
      const controller = new AbortController();
      const waiting = worker.checkConstraint({ constraint }, controller.signal);
      await expect.poll(() => Atomics.load(asked, 0)).toBe(1);
      controller.abort();
      await expect(waiting).rejects.toMatchObject({ code: "aborted" });
      await expect.poll(() => Atomics.load(asked, 1)).toBe(1);
    });
  });

  it("says that a worker hangs", async () => {
    const worker = await start(script, {}, { healthTimeoutMs: 100 });
    await expect(worker.health()).rejects.toMatchObject({ code: "engine_failed" });
  });

  it("rejects at once when aborted", async () => {
    const worker = await start(
      script.replace('parentPort.postMessage([{ type: "end"', 'if (0) parentPort.postMessage([{ type: "end"'),
    );
    const controller = new AbortController();
    const stream = worker.complete(request(0), controller.signal);
    await stream.next();
    const next = stream.next();
    controller.abort();
    await expect(next).rejects.toMatchObject({ code: "aborted" });
  });

  it("fails to start with what the worker says", async () => {
    const unusable = `import { parentPort } from "node:worker_threads"; parentPort.postMessage({ type: "unusable", error: { code: "invalid_request", message: "no model" } });`;
    const prompts = bytePrompts();
    let isClosed = false;
    prompts[Symbol.asyncDispose] = () => {
      isClosed = true;
      return Promise.resolve();
    };
    await expect(start(unusable, {}, { prompts })).rejects.toThrow("no model");
    expect(isClosed).toBe(true);
    await expect(start("process.exit(1)")).rejects.toThrow(/exited while it started/);
    await expect(start("throw new Error('broken')")).rejects.toThrow();
  });

  it("fails to start with what was wrong with the prompts, and leaves no worker behind", async () => {
    const beats = new Int32Array(new SharedArrayBuffer(4));
    const beating = `
      import { workerData } from "node:worker_threads";
      setInterval(() => Atomics.add(workerData.beats, 0, 1), 1);
      ${script}`;
    const prompts = Promise.reject(new InferenceError("invalid_request", "no tokenizer"));
    await expect(start(beating, { beats }, { prompts })).rejects.toThrow("no tokenizer");
    const last = Atomics.load(beats, 0);
    await sleep(50);
    expect(Atomics.load(beats, 0)).toBe(last);
  });

  it("sends completions that begin together as one, and what they share once", async () => {
    const worker = await start(`
      import { parentPort } from "node:worker_threads";
      parentPort.postMessage({ type: "ready", model: { id: "fake" }, notes: [] });
      parentPort.on("message", (messages) => {
        if (messages.some(({ type }) => type === "stop")) parentPort.close();
        const stops = new Set(messages.filter(({ type }) => type === "complete").map(({ request }) => request.stop));
        for (const { type, id } of messages) {
          if (type !== "complete") continue;
          const text = stops.size + " of " + messages.length;
          parentPort.postMessage([{ type: "event", id, event: { type: "text", text, tokens: [] } }, { type: "end", id }]);
        }
      });
    `);
    const stop = ["a", "b"];
    const texts = [1, 2, 3].map(async (choice) => {
      for await (const event of worker.complete({ ...request(0), stop, choice }, never))
        return event.type === "text" ? event.text : event.type;
      return undefined;
    });
    expect(await Promise.all(texts)).toEqual(["1 of 3", "1 of 3", "1 of 3"]);
  });

  it("begins nothing that was left before its turn, and lets another client's begin in between", async () => {
    const host = JSON.stringify(new URL("../../../dist/decoder/worker-host.js", import.meta.url).href);
    const worker = await start(`
      import { parentPort } from "node:worker_threads";
      import { hostCompleter } from ${host};
      const begun = [];
      hostCompleter(parentPort, {
        model: { id: "fake" },
        async *complete({ seed, share }) {
          begun.push(share.client);
          // Beginning takes its time: 200 of them would take two seconds.
          for (const end = performance.now() + 10; performance.now() < end;);
          yield { type: "finish", reason: "stop" };
        },
        async health() { return { begun }; },
        async [Symbol.asyncDispose]() {},
      }, []);
    `);
    const leaving = new AbortController();
    setMaxListeners(0, leaving.signal);
    const ask = async (client: string, signal: AbortSignal): Promise<void> => {
      const share = { client, request: client, priority: "interactive" as const };
      for await (const _ of worker.complete({ ...request(0), share }, signal));
    };
    const storm = Array.from({ length: 200 }, () => ask("storm", leaving.signal).catch(() => undefined));
    await ask("lone", never);
    const begun = async () => ((await worker.health()) as unknown as { begun: string[] }).begun;
    expect((await begun()).slice(0, 2)).toEqual(["storm", "lone"]);
    leaving.abort();
    await Promise.all(storm);
    const byThen = (await begun()).length;
    expect(byThen).toBeLessThan(200);
    await ask("lone", never);
    expect((await begun()).slice(byThen)).toEqual(["lone"]);
  });

  it("lets a chain run only so far ahead of its reader, and hands over every event in order", async () => {
    const host = JSON.stringify(new URL("../../../dist/decoder/worker-host.js", import.meta.url).href);
    const worker = await start(`
      import { parentPort } from "node:worker_threads";
      import { hostCompleter } from ${host};
      let sent = 0;
      hostCompleter(parentPort, {
        model: { id: "fake" },
        async *complete() { while (sent < 5000) yield { type: "progress", sent: ++sent }; },
        async health() { return { sent }; },
        async [Symbol.asyncDispose]() {},
      }, []);
    `);
    const seen: number[] = [];
    for await (const event of worker.complete(request(0), never)) {
      if (seen.length === 0) {
        const sent = async () => ((await worker.health()) as unknown as { sent: number }).sent;
        await expect.poll(sent).toBeGreaterThanOrEqual(mostUnreadEvents);
        // It could have gone on in the meantime.
        for (let turns = 0; turns < 20; turns++) expect(await sent()).toBe(mostUnreadEvents);
      }
      seen.push((event as unknown as { sent: number }).sent);
    }
    expect(seen).toEqual(Array.from({ length: 5000 }, (_, index) => index + 1));
  });
});
