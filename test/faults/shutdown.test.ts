import { rm } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createCompleter } from "../../src/assembly/create-completer.ts";
import { usualEngine } from "../../src/assembly/engine-settings.ts";
import type { Completer } from "../../src/decoder/completer.ts";
import { prepareGracefulClose } from "../../src/server/graceful-close.ts";
import { writeByteModel } from "../support/byte-model.ts";
import { createTestApp, parseEvents } from "../support/embedded.ts";
import { ServerProcess } from "../support/server-process.ts";
import { Connection } from "../support/connection.ts";
import { openWatcher } from "../support/watcher.ts";

/** What runs when the server has to end: ends with what it has come to, says so, and holds nothing up. */

let folder: string;
beforeAll(async () => {
  folder = await writeByteModel({ maxPositions: 4096 });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** No end token ends these before the server does. */
const endless = { prompt: "abc", max_tokens: 4000, seed: 1 };

const chain = { mcmc_steps: 1000, block_size: 40 };

const samplers: Readonly<Record<string, object>> = {
  standard: { sampler: "standard", ignore_eos: true },
  greedy: { sampler: "greedy", ignore_eos: true },
  "the power chain": { sampler: "power", ...chain },
  "multiple tries": { sampler: "power", kernel: "multiple_try", ...chain },
  tempering: { sampler: "power", kernel: "tempering", ...chain },
  maximize: { sampler: "maximize", ...chain },
  smc: { sampler: "smc", ignore_eos: true },
  "beam search": { sampler: "beam", ignore_eos: true },
};

interface Choice {
  readonly text?: string;
  readonly message?: { readonly content: string };
  readonly finish_reason: string | null;
  readonly ended_early?: string;
  readonly token_ids?: readonly number[];
  readonly power?: { readonly budget_exhausted: boolean; readonly steps: number };
}

/** Until the model has worked for all that run. */
const untilUnderWay = (completer: Completer, requests: number): Promise<void> =>
  expect
    .poll(async () => {
      const { evaluatedTokens, details } = await completer.health();
      return evaluatedTokens > 400 && details!.sequences.open >= requests;
    })
    .toBe(true);

const open = async () => {
  const { completer } = await createCompleter({ ...usualEngine, model: folder, lanes: 48, context: 4096 });
  return createTestApp({ completer });
};

describe("a server that has to end", () => {
  it("gives what every sampler has come to, and says that it ended early", async () => {
    await using server = await open();
    const bodies = Object.values(samplers).map((sampler) => ({ ...endless, ...sampler }));
    const answers = bodies.map((body) => server.complete(body));
    const chat = server.complete({ ...endless, sampler: "standard", ignore_eos: true, n: 3 });
    await untilUnderWay(server.completer, answers.length);
    server.completer.endEarly();
    for (const [index, name] of Object.keys(samplers).entries()) {
      const { choices, usage } = await answers[index]!;
      const [choice] = choices as Choice[];
      expect({ name, ...choice }).toMatchObject({ name, finish_reason: "length", ended_early: "shutdown" });
      expect(usage!.completion_tokens).toBeGreaterThan(0);
      expect(usage!.completion_tokens).toBeLessThan(4000);
    }
    const [, , power] = await Promise.all(answers);
    // No budget was spent.
    expect(power!.choices[0]!.power).toMatchObject({ budget_exhausted: false });
    expect((await chat).choices).toHaveLength(3);
    await expect.poll(async () => (await server.completer.health()).details!.sequences.open).toBe(0);
  });

  it("says nothing of the kind of answers that were complete", async () => {
    await using server = await open();
    const { choices } = await server.complete({ ...endless, max_tokens: 8, sampler: "power" });
    server.completer.endEarly();
    expect(choices[0]).not.toHaveProperty("ended_early");
  });

  it("refuses what has no token yet, scores, and what comes later, as something to ask another server", async () => {
    await using server = await open();
    const waiting = server.post("/v1/completions", {
      ...endless,
      max_tokens: 100,
      prompt: "abc".repeat(1000),
    });
    const scored = server.refuse({ prompt: "abc".repeat(1000), max_tokens: 0, echo: true, logprobs: 0 });
    await expect.poll(async () => (await server.completer.health()).details!.sequences.open).not.toBe(0);
    server.completer.endEarly();
    const late = await server.refuse({ ...endless, sampler: "greedy" });
    expect(late).toMatchObject({ status: 503, code: "shutting_down" });
    expect(await scored).toMatchObject({ status: 503, code: "shutting_down" });
    // Where it had drawn a token by then, it is given.
    expect([200, 503]).toContain((await waiting).status);
  });

  it("ends streams, chats and sockets so, refuses more, and waits for no silent peer", async () => {
    await using server = await open();
    const close = prepareGracefulClose(server.app, server.completer);
    const watcher = await openWatcher(server.app);
    const idle = await openWatcher(server.app);
    idle.socket.pause();
    const { port } = server.app.server.address() as AddressInfo;
    const url = `http://127.0.0.1:${port}/v1/completions`;
    const headers = { "content-type": "application/json" };
    const post = "POST /v1/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n";
    const body = JSON.stringify({ ...endless, sampler: "power", ...chain, stream: true });
    const streamed = fetch(url, { method: "POST", headers, body }).then((reply) => reply.text());
    watcher.send({ id: "a", ...endless, sampler: "power", ...chain, events: ["accepted"] });
    // A request whose body never comes, and a connection on which one comes too late.
    using stuck = await Connection.open(server.app);
    await stuck.send(`${post}content-length: 100\r\n\r\n`);
    using late = await Connection.open(server.app);
    const whole = JSON.stringify({ ...endless, sampler: "greedy", ignore_eos: true });
    await late.send(`${post}content-length: ${whole.length}\r\n\r\n${whole}`);
    await untilUnderWay(server.completer, 3);
    const closing = close(200);
    await late.send("GET /v1/models HTTP/1.1\r\nhost: localhost\r\n\r\n");
    expect((await late.response()).body).toContain('"ended_early":"shutdown"');
    const refused = await late.response();
    expect([refused.status, refused.body]).toEqual([503, expect.stringContaining('"shutting_down"')]);
    const events = parseEvents(await streamed) as { choices: Choice[] }[];
    expect(events.at(-1)!.choices[0]).toMatchObject({ finish_reason: "length", ended_early: "shutdown" });
    const done = await watcher.end("a");
    expect(done.type === "done" && done.response.choices[0]).toMatchObject({ ended_early: "shutdown" });
    await closing;
    await stuck.closed();
    idle.socket.terminate();
  });
});

describe("the process", () => {
  it("ends on SIGHUP, as on SIGTERM, with code 0 once all are answered", async () => {
    await using server = await ServerProcess.start([
      ...["--model", folder, "--shutdown-timeout", "0", "--context", "4096"],
    ]);
    const answer = server.post("/v1/completions", { ...endless, sampler: "power", ...chain });
    await expect.poll(() => server.running()).toBe(1);
    // The first token is drawn.
    await expect
      .poll(async () => Number(/passes_total (\d+)/.exec(await metricsOf(server))?.[1]))
      .toBeGreaterThan(50);
    server.signal("SIGHUP");
    const reply = (await (await answer).json()) as { choices: Choice[] };
    expect(reply.choices[0]).toMatchObject({ ended_early: "shutdown", finish_reason: "length" });
    expect(await server.exit()).toMatchObject({ code: 0 });
  });

  it("ends at once on a second signal, with code 1", async () => {
    await using server = await ServerProcess.start(["--model", folder, "--shutdown-timeout", "3600"]);
    const answer = server.post("/v1/completions", {
      ...endless,
      max_tokens: 250,
      sampler: "power",
      ...chain,
    });
    const failed = answer.then(
      () => false,
      () => true,
    );
    await expect.poll(() => server.running()).toBe(1);
    server.signal("SIGTERM");
    // The first is at work once no connection is taken any more.
    await expect
      .poll(() =>
        fetch(`${server.url}/health`).then(
          () => true,
          () => false,
        ),
      )
      .toBe(false);
    server.signal("SIGINT");
    expect(await server.exit()).toMatchObject({ code: 1 });
    expect(await failed).toBe(true);
  });
});

const metricsOf = async (server: ServerProcess): Promise<string> =>
  (await fetch(`${server.url}/metrics`)).text();
