import { once } from "node:events";
import type { AddressInfo } from "node:net";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import type { CompletionResponse } from "../../src/server/schemas/completions.ts";
import { keyProtocolPrefix, watchPath, watchProtocol } from "../../src/server/watch/protocol.ts";
import type { EventOf, WatchedToken } from "../../src/server/watch/messages.ts";
import { noText, revise } from "../../src/server/watch/revision.ts";
import type { RevisedText } from "../../src/server/watch/revision.ts";
import { createTestApp } from "../support/embedded.ts";
import { Watcher } from "../support/watcher.ts";

type TestApp = Awaited<ReturnType<typeof createTestApp>>;

let server: TestApp;
beforeAll(async () => {
  // So that answers can be compared to the last bit.
  server = await createTestApp({ engine: { deterministic: true } });
});
afterAll(() => server[Symbol.asyncDispose]());

const prompt = "7-2*3+4=";

async function connect({ app }: TestApp = server, headers: Record<string, string> = {}): Promise<Watcher> {
  if (!app.server.listening) await app.listen({ port: 0, host: "127.0.0.1" });
  const { port } = app.server.address() as AddressInfo;
  const { "sec-websocket-protocol": protocols, ...others } = headers;
  const socket = new WebSocket(
    `ws://127.0.0.1:${port}${watchPath}`,
    protocols === undefined ? [] : protocols.split(", "),
    { headers: others },
  );
  const watcher = new Watcher(socket);
  await once(socket, "open");
  return watcher;
}

/** Sends one request on a socket of its own and waits for its end. */
async function watch(body: object): Promise<Watcher> {
  const watcher = await connect();
  watcher.send({ id: "a", prompt, ...body });
  await watcher.end("a");
  watcher.socket.terminate();
  return watcher;
}

const replay = (revisions: readonly EventOf<"revision">[]): RevisedText => revisions.reduce(revise, noText);

/**
 * An answer without what says when, under which name and at what cost it was given: the memo saves the second one some.
 */
const contentOf = ({ choices, usage, model, mixing }: CompletionResponse): unknown => {
  const withoutCost = (report: object | undefined) =>
    report && {
      ...report,
      drawn_tokens: undefined,
      evaluated_tokens: undefined,
      remembered_tokens: undefined,
      discarded_tokens: undefined,
    };
  const results = choices.map(({ power, smc, maximize, ...choice }) => ({
    ...choice,
    reports: [power, smc, maximize].map(withoutCost),
  }));
  return { choices: results, usage, model, mixing };
};

const samplers = fc.constantFrom(
  { sampler: "power", mcmc_steps: 3 },
  { sampler: "power", mcmc_steps: 4, proposal_temperature: 1, alpha: 2 },
  { sampler: "power", mcmc_steps: 2, proposal_temperature: 1, stop: ["=1", ";#"] },
  { sampler: "power", mcmc_steps: 3, max_evaluated_tokens: 40, proposal_temperature: 1 },
  { sampler: "power", schedule: "until_finished", block_size: 5 },
  { sampler: "maximize", mcmc_steps: 3, proposal_temperature: 1 },
  { sampler: "smc", particles: 4, stop: ["=1"] },
  { sampler: "standard", temperature: 0.8, stop: "#" },
  { sampler: "low_temperature" },
  { sampler: "greedy" },
);
const bodies = fc.record({
  settings: samplers,
  seed: fc.nat({ max: 2 ** 31 }),
  n: fc.integer({ min: 1, max: 3 }),
  max_tokens: fc.integer({ min: 1, max: 40 }),
  echo: fc.boolean(),
  logprobs: fc.constantFrom(null, 2),
  prompt: fc.constantFrom<string | string[]>(prompt, ["1+1=", "9*8-7="]),
});

/** The likeliest beside each token are those that the answer tells, where it was asked for any. */
function expectAlternatives(
  tokens: readonly WatchedToken[],
  told: readonly (Readonly<Record<string, number>> | null)[],
): void {
  if (told.length === 0) expect(tokens.flatMap(({ top_logprobs }) => top_logprobs ?? [])).toEqual([]);
  else expect(tokens).toHaveLength(told.length);
  for (const [index, entries] of told.entries()) {
    const { top_logprobs = [] } = tokens[index]!;
    expect(top_logprobs).toHaveLength(entries === null ? 0 : 2);
    for (const { token, logprob } of top_logprobs) expect(entries![token]).toBe(logprob);
  }
}

describe("GET /v1/completions/ws", () => {
  it("ends with the answer that POST gives, and its revisions and its tokens rebuild the text", async () => {
    await fc.assert(
      fc.asyncProperty(bodies, async ({ settings, ...rest }) => {
        const body = { ...rest, ...settings };
        const watcher = await watch(body);
        const [done] = watcher.of("done", "a");
        const posted = await server.post("/v1/completions", body);
        expect(contentOf(done!.response)).toEqual(contentOf(posted.json()));
        for (const { index, text, logprobs } of done!.response.choices) {
          const told = logprobs?.top_logprobs ?? [];
          const committed = watcher.of("token", "a", index);
          expect(committed.map((event) => event.text).join("")).toBe(text);
          expectAlternatives(
            committed.flatMap(({ tokens }) => tokens),
            told,
          );
          if (settings.sampler !== "power" && settings.sampler !== "maximize") continue;
          const revised = replay(watcher.of("revision", "a", index));
          expect(revised.text).toBe(text);
          expectAlternatives(revised.tokens, told);
          expect(revised.tokens.map(({ id, from_char }) => ({ id, from_char }))).toEqual(
            committed.flatMap(({ tokens }) => tokens).map(({ id, from_char }) => ({ id, from_char })),
          );
        }
      }),
      { numRuns: 40, seed: 5 },
    );
  });

  it("tells of each step what was proposed, how it was decided, and what that changed", async () => {
    const body = { sampler: "power", seed: 3, proposal_temperature: 1, mcmc_steps: 6, block_size: 4 };
    const watcher = await watch(body);
    const [accepted, block] = watcher.events;
    expect(accepted).toEqual({
      type: "accepted",
      id: "a",
      model: "abacus",
      sampler: "power",
      seed: 3,
      choices: 1,
      prompt_tokens: 8,
      max_tokens: 48,
    });
    expect(block).toEqual({ type: "block", id: "a", index: 0, block: 1, blocks: 12, horizon: 4, steps: 6 });
    const { power } = watcher.of("done", "a")[0]!.response.choices[0]!;
    const decisions = watcher.of("decision", "a");
    expect(decisions).toHaveLength(power!.steps);
    for (const outcome of ["accepted", "rejected", "rejected_early", "unchanged"] as const)
      expect(decisions.filter((event) => event.outcome === outcome)).toHaveLength(power![outcome]);
    expect(power!.accepted).toBeGreaterThan(0);
    expect(decisions.at(-1)!.logprob).toBeCloseTo(power!.logprob, 9);

    let shown = noText;
    for (const [position, event] of watcher.events.entries()) {
      if (event.type === "revision") shown = revise(shown, event);
      if (event.type !== "proposal") continue;
      const decision = watcher.events[position + 1] as EventOf<"decision">;
      expect(decision).toMatchObject({ type: "decision", block: event.block, step: event.step });
      expect(decision.probability).toBeCloseTo(Math.min(1, Math.exp(event.log_ratio)), 12);
      expect(event.cut).toBeLessThan(shown.tokens.length);
      if (decision.outcome !== "accepted") continue;
      // An accepted proposal is the new text from its cut on.
      const revision = watcher.events[position + 2] as EventOf<"revision">;
      expect(revise(shown, revision).text).toBe(shown.text.slice(0, event.from_char) + event.text);
      expect(revision.from_char).toBeGreaterThanOrEqual(event.from_char);
    }
  });

  it("sends only the events asked for, and always the end", async () => {
    const power = { sampler: "power", seed: 1, mcmc_steps: 2 };
    const typesOf = async (events: string[]): Promise<string[]> => [
      ...new Set((await watch({ ...power, events })).events.map(({ type }) => type)),
    ];
    expect(await typesOf(["token", "done"])).toEqual(["token", "done"]);
    expect(await typesOf(["revision", "accepted"])).toEqual(["accepted", "revision", "done"]);
    expect(await typesOf(["progress"])).toEqual(["progress", "done"]);
    expect(await typesOf([])).toEqual(["done"]);
  });

  it("runs several requests over one socket, and cancels one by its id", async () => {
    const watcher = await connect();
    const endless = { prompt, sampler: "power", mcmc_steps: 10_000, proposal_temperature: 1 };
    watcher.send({ type: "complete", id: "long", ...endless });
    watcher.send({ id: "short", prompt, sampler: "greedy" });
    expect(await watcher.end("short")).toMatchObject({ type: "done" });
    expect(watcher.of("error", "long")).toEqual([]);
    watcher.send({ type: "cancel", id: "nobody" });
    watcher.send({ type: "cancel", id: "long" });
    expect(await watcher.end("long")).toMatchObject({ type: "error", error: { code: "aborted" } });
    // The id is free again, and nothing is left running.
    watcher.send({ id: "long", prompt, sampler: "greedy", max_tokens: 1 });
    await watcher.until((event): event is EventOf<"done"> => event.type === "done" && event.id === "long");
    expect((await server.completer.health()).details).toMatchObject({ lanes: { leased: 0 } });
    watcher.socket.terminate();
  });

  it("returns the likeliest of best_of, whose candidates it shows", async () => {
    const watcher = await watch({ sampler: "standard", seed: 1, n: 1, best_of: 3 });
    const [done] = watcher.of("done", "a");
    const texts = [0, 1, 2].map((index) =>
      watcher
        .of("token", "a", index)
        .map(({ text }) => text)
        .join(""),
    );
    expect(done!.response.choices).toHaveLength(1);
    expect(texts).toContain(done!.response.choices[0]!.text);
  });

  it.each([
    ["{", null, undefined, /not valid JSON/],
    [`{"id": "a", "prompt": "1", "logit_bias": {"__proto__": 1}}`, null, undefined, /__proto__/],
    ["[]", null, undefined, /JSON object/],
    ["7", null, undefined, /JSON object/],
    [{ prompt }, null, "id", /chosen by you/],
    [{ id: "", prompt }, null, "id", /must not be empty/],
    [{ id: 7, prompt }, null, "id", /string/],
    [{ id: "x".repeat(257), prompt }, null, "id", /256/],
    [{ type: "watch", id: "a" }, "a", "type", /'complete' or 'cancel'/],
    [{ type: "cancel" }, null, "id", /chosen by you/],
    [{ type: "cancel", id: "a", prompt }, "a", "prompt", /Unsupported field/],
    [{ id: "a" }, "a", "prompt", /prompt must be/],
    [{ id: "a", prompt, events: ["tokens"] }, "a", "events.0", /events must be some of accepted, block/],
    [{ id: "a", prompt, stream: true }, "a", "stream", /no meaning on a WebSocket/],
    [{ id: "a", prompt, stream_options: {} }, "a", "stream_options", /no meaning on a WebSocket/],
    [{ id: "a", prompt, mcmc_step: 4 }, "a", "mcmc_step", /Unsupported field/],
    [{ id: "a", prompt, n_predict: 4 }, "a", "n_predict", /n_predict is set by max_tokens/],
    [{ id: "a", prompt, sampler: "power", top_k: 4 }, "a", "top_k", /sampler 'power'/],
    [{ id: "a", prompt: "7 apples=" }, "a", "prompt", /' '/],
  ])("answers %j with an error that names the fault, and goes on", async (message, id, param, text) => {
    const watcher = await connect();
    watcher.send(message);
    const failure = await watcher.until((event): event is EventOf<"error"> => event.type === "error");
    expect(failure.id).toBe(id);
    expect(failure.error.param ?? undefined).toBe(param);
    expect(failure.error.message).toMatch(text);
    watcher.send({ id: "next", prompt, sampler: "greedy", max_tokens: 1 });
    expect(await watcher.end("next")).toMatchObject({ type: "done" });
    watcher.socket.terminate();
  });

  it("refuses a constraint before it accepts the request, whose id is free then", async () => {
    const watcher = await connect();
    watcher.send({ id: "a", prompt, guided_regex: "(1" });
    expect(await watcher.end("a")).toMatchObject({ type: "error", error: { param: "guided_regex" } });
    expect(watcher.of("accepted", "a")).toEqual([]);
    watcher.events.length = 0;
    watcher.send({ id: "a", prompt, guided_regex: "(1)" });
    expect(await watcher.end("a")).toMatchObject({ type: "done" });
    watcher.socket.terminate();
  });

  it("refuses binary frames, and an id that is taken without ending its owner", async () => {
    const watcher = await connect();
    watcher.socket.send(Buffer.from("{}"), { binary: true });
    expect(await watcher.end(null)).toMatchObject({
      type: "error",
      error: { message: expect.stringMatching(/text/) as unknown },
    });
    const body = { id: "a", prompt, sampler: "power", mcmc_steps: 30 };
    watcher.events.length = 0;
    watcher.send(body);
    watcher.send(body);
    expect(await watcher.end(null)).toMatchObject({ type: "error", error: { param: "id" } });
    expect(await watcher.end("a")).toMatchObject({ type: "done" });
    watcher.socket.terminate();
  });

  it("closes with 1009 on a message above the limit, naming nothing it has not read", async () => {
    await using small = await createTestApp({ bodyLimit: 1000 });
    const watcher = await connect(small);
    const closed = watcher.closed();
    watcher.send({ id: "a", prompt: "1".repeat(2000) });
    expect(await closed).toBe(1009);
    const next = await connect(small);
    next.send({ id: "a", prompt, max_tokens: 1 });
    expect(await next.end("a")).toMatchObject({ type: "done" });
    next.socket.terminate();
  });

  it("answers a plain GET with 426", async () => {
    const reply = await server.app.inject({ url: watchPath });
    expect(reply.statusCode).toBe(426);
    expect(reply.headers.upgrade).toBe("websocket");
    expect(reply.json()).toMatchObject({ error: { message: expect.stringMatching(/WebSocket/) as unknown } });
  });
});

describe("whoever may not", () => {
  const protocols = (key: string): Record<string, string> => ({
    "sec-websocket-protocol": `${watchProtocol}, ${keyProtocolPrefix}${Buffer.from(key).toString("base64url")}`,
  });

  it("opens no socket without a key, in a header or as a subprotocol", async () => {
    await using guarded = await createTestApp({ apiKeys: ["sésame+/", "sesame"] });
    for (const headers of [{}, { authorization: "Bearer wrong" }, protocols("wrong")])
      await expect(connect(guarded, headers)).rejects.toThrow("401");
    for (const headers of [{ authorization: "Bearer sesame" }, protocols("sésame+/")]) {
      const watcher = await connect(guarded, headers);
      // The key is not sent back as the protocol that was chosen.
      expect(watcher.socket.protocol).toBe("authorization" in headers ? "" : watchProtocol);
      watcher.send({ id: "a", prompt, max_tokens: 1 });
      expect(await watcher.end("a")).toMatchObject({ type: "done" });
      watcher.socket.terminate();
    }
  });

  it("opens none from another site's page, unless that was allowed", async () => {
    await expect(connect(server, { host: "localhost:8000", origin: "http://evil.example" })).rejects.toThrow(
      "403",
    );
    await expect(connect(server, { host: "localhost:8000", origin: "null" })).rejects.toThrow("403");
    const own = await connect(server, { host: "localhost:8000", origin: "http://localhost:8000" });
    own.socket.terminate();
    await using open = await createTestApp({ corsOrigins: ["http://friend.example"] });
    const friend = await connect(open, { host: "localhost:8000", origin: "http://friend.example" });
    friend.socket.terminate();
  });

  it("is held to the limits of HTTP: admission, rate, deadline", async () => {
    await using small = await createTestApp({ limits: { maxCompletions: 1 } });
    const endless = { prompt, sampler: "power", mcmc_steps: 10_000, proposal_temperature: 1 };
    const watcher = await connect(small);
    watcher.send({ id: "first", ...endless });
    await watcher.until((event) => event.type === "accepted");
    watcher.send({ id: "second", prompt });
    watcher.send({ id: "third", prompt, n: 2 });
    expect(await watcher.end("second")).toMatchObject({ error: { code: "overloaded" } });
    expect(await watcher.end("third")).toMatchObject({ error: { code: "invalid_request" } });
    watcher.send({ type: "cancel", id: "first" });
    expect(await watcher.end("first")).toMatchObject({ error: { code: "aborted" } });
    watcher.send({ id: "fourth", prompt, max_tokens: 1 });
    expect(await watcher.end("fourth")).toMatchObject({ type: "done" });
    watcher.socket.terminate();

    await using slow = await createTestApp({ requestsPerMinute: 3, requestTimeoutMs: 500 });
    const limited = await connect(slow);
    limited.send({ id: "1", ...endless });
    expect(await limited.end("1")).toMatchObject({ error: { code: "deadline_exceeded" } });
    limited.send({ id: "2", prompt, max_tokens: 1 });
    limited.send({ id: "3", prompt, max_tokens: 1 });
    expect(await limited.end("2")).toMatchObject({ type: "done" });
    expect(await limited.end("3")).toMatchObject({ error: { code: "overloaded" } });
    limited.socket.terminate();
  });
});

describe("a peer that is there no more", () => {
  const noop = (): void => undefined;
  const endless = { id: "a", prompt, sampler: "power", mcmc_steps: 10_000, proposal_temperature: 1 };
  /** Waits until the server has let every socket go, and with them all that was in flight. */
  const untilGone = async ({ app }: TestApp): Promise<void> => {
    await expect.poll(() => app.websocketServer.clients.size).toBe(0);
    const metrics = async () => (await app.inject({ url: "/metrics" })).body;
    await expect.poll(metrics).toMatch(/^metropolis_num_requests_running 0$/m);
    await expect.poll(metrics).toMatch(/^metropolis_lanes_leased 0$/m);
  };

  it("is counted while it is there, and no longer: connections, sockets, sequences, listeners", async () => {
    await using own = await createTestApp();
    const held = async () => {
      const { body } = await own.app.inject({ url: "/metrics" });
      const names = [
        "connections",
        "watch_sockets",
        "sequences_open",
        'listeners{of="process"}',
        'listeners{of="server"}',
      ];
      const value = (name: string): number =>
        Number(
          body
            .split("\n")
            .find((line) => line.startsWith(`metropolis_${name} `))
            ?.split(" ")
            .at(-1),
        );
      return Object.fromEntries(names.map((name) => [name, value(name)]));
    };
    await own.app.listen({ port: 0, host: "127.0.0.1" });
    const before = await held();
    expect(before).toMatchObject({ connections: 0, watch_sockets: 0, sequences_open: 0 });
    const watcher = await connect(own);
    watcher.send(endless);
    await watcher.until((event): event is EventOf<"decision"> => event.type === "decision");
    await expect.poll(held).toMatchObject({ connections: 1, watch_sockets: 1 });
    await expect.poll(async () => (await held()).sequences_open).toBeGreaterThan(0);
    own.app.server.on("request", () => undefined);
    process.once("beforeExit", noop);
    const listened = await held();
    expect(listened['listeners{of="server"}']).toBe(before['listeners{of="server"}']! + 1);
    expect(listened['listeners{of="process"}']).toBe(before['listeners{of="process"}']! + 1);
    process.off("beforeExit", noop);
    watcher.socket.terminate();
    await expect.poll(held).toMatchObject({ connections: 0, watch_sockets: 0, sequences_open: 0 });
  });

  it("is let go with all that ran for it: dropped, or reading no more", async () => {
    await using own = await createTestApp({ heartbeatIntervalMs: 250 });
    const dropped = await connect(own);
    dropped.send(endless);
    await dropped.until((event): event is EventOf<"decision"> => event.type === "decision");
    dropped.socket.terminate();
    await untilGone(own);

    const stuck = await connect(own);
    stuck.send({ ...endless, n: 4 });
    await stuck.until((event): event is EventOf<"decision"> => event.type === "decision");
    stuck.socket.pause();
    await untilGone(own);
    expect(stuck.of("done", "a")).toEqual([]);
    stuck.socket.terminate();
  });

  it("is kept while it answers pings, however quiet", async () => {
    await using own = await createTestApp({ heartbeatIntervalMs: 100 });
    const quiet = await connect(own);
    for (let pings = 0; pings < 4; pings++) await once(quiet.socket, "ping");
    quiet.send({ id: "a", prompt, max_tokens: 1 });
    expect(await quiet.end("a")).toMatchObject({ type: "done" });
    quiet.socket.terminate();
  });
});
