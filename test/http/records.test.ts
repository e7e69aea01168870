/**
 * What this server answers, held against what it answered when the records in test/fixtures/records were written: the
 * whole body, so that a field that is lost is noticed too. They go through HTTP alone, and so outlive what is rewritten
 * behind it.
 *
 * A change that is meant to change answers writes them anew, and its commit says why:
 *
 *     METROPOLIS_TEST_WRITE_RECORDS=1 npx vitest run test/http/records.test.ts
 *
 * Left out are `id` and `created`, which name the moment, and what was evaluated, remembered and discarded where it
 * depends on more than the request: on what was asked before (the memo), on which of several chains asked first, on how long passes take
 * (prefetching). It is on record for lone completions of the toy with a fresh memo and no prefetching, and for all
 * within a budget, which share nothing.
 */
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { watchPath } from "../../src/server/watch/protocol.ts";
import { createTestApp, parseEvents } from "../support/embedded.ts";
import { joinChunks } from "../support/joined-stream.ts";
import {
  abacusCases,
  budgetCases,
  byteCases,
  chainCases,
  drawsWhole,
  streamedCases,
  toyCases,
  watchedCases,
} from "../support/record-cases.ts";
import type { Body, RecordCase } from "../support/record-cases.ts";
import { RecordFile } from "../support/record-file.ts";
import { createToyCompleter } from "../support/toy-completer.ts";
import type { Switches, ToyCompleterSettings } from "../support/toy-completer.ts";
import { Watcher } from "../support/watcher.ts";

type Server = Awaited<ReturnType<typeof createTestApp>>;
type Fields = Record<string, unknown>;

const onOff = [true, false];
const allSwitches: Switches[] = onOff.flatMap((memo) =>
  onOff.flatMap((earlyRejection) => onOff.map((prefetch) => ({ memo, earlyRejection, prefetch }))),
);

/** With no prefetching, since what that begins depends on the clock. */
async function createToyApp(settings: ToyCompleterSettings = {}): Promise<Server> {
  const completer = await createToyCompleter({
    // Peaked enough that chains accept, reject and stand still; ends often enough that completions do.
    toy: { seed: 3, scale: 7 },
    lanes: 8,
    switches: { memo: true, earlyRejection: true, prefetch: false },
    ...settings,
  });
  return createTestApp({ completer });
}

const named = (cases: readonly RecordCase[]): [string, Body][] => cases.map(({ name, body }) => [name, body]);

async function send({ post }: Server, body: Body): Promise<string> {
  const url = "messages" in body ? "/v1/chat/completions" : "/v1/completions";
  const { status, text } = await post(url, body);
  expect(status, text).toBe(200);
  return text;
}

const withoutMoment = ({ id: _id, created: _created, ...answer }: Fields): Fields => answer;

async function ask(server: Server, body: Body): Promise<Fields> {
  return withoutMoment(JSON.parse(await send(server, body)) as Fields);
}

async function stream(server: Server, body: Body): Promise<Fields[]> {
  return parseEvents(await send(server, { ...body, stream: true })).map(withoutMoment);
}

const reports = new Set(["power", "smc", "maximize"]);

const mapReports = (answer: unknown, change: (report: Fields) => Fields): unknown =>
  JSON.parse(JSON.stringify(answer), (key, value: unknown) =>
    reports.has(key) || (value as Fields | null)?.kind === "chosen" ? change(value as Fields) : value,
  );

const withoutCost = (answer: unknown): unknown =>
  mapReports(
    answer,
    ({ evaluated_tokens: _, remembered_tokens: __, discarded_tokens: ___, ...report }) => report,
  );

/** Of several chains of a prompt, the one that asks first bears the cost, and which that is depends on the clock. */
const withLoneCost = ({ n = 1, best_of = n }: Body, answer: unknown): unknown =>
  best_of === 1 ? answer : withoutCost(answer);

/**
 * What does not depend on when a proposal is given up, either: what was drawn of it, and which of several tries were.
 */
const withoutEarlyRejection = (answer: unknown): unknown =>
  mapReports(withoutCost(answer), (report) => {
    const { drawn_tokens: _, first_token_proposals: __, ...rest } = report;
    const { rejected = 0, rejected_early = 0 } = report as Record<string, number>;
    return "rejected" in rest ? { ...rest, rejected: rejected + rejected_early, rejected_early: 0 } : rest;
  });

/** The toy's numbers are the same on every machine, but for the order in which they are summed. */
const toyDigits = 7;

describe("answers of the toy", () => {
  const records = new RecordFile("toy", toyDigits, toyCases);
  afterAll(() => {
    records.close();
  });

  it.each(named(toyCases))("%s", async (name, body) => {
    await using server = await createToyApp();
    records.check(name, withLoneCost(body, await ask(server, body)));
  });

  const sameWith = "are the same with %j, whatever was asked before";
  it.concurrent.each(allSwitches)(sameWith, async (switches) => {
    // Steps are begun ahead where passes take longer than their rows.
    const slow = switches.prefetch ? { onStep: () => sleep(1) } : {};
    await using server = await createToyApp({ switches, ...slow });
    const partOf = switches.earlyRejection ? withoutCost : withoutEarlyRejection;
    for (const { name, body } of switches.prefetch ? chainCases : toyCases)
      records.compare(name, await ask(server, body), partOf);
  });

  it("are the same streamed", async () => {
    await using server = await createToyApp();
    for (const { name, body } of toyCases) {
      const chunks = await stream(server, { ...body, stream_options: { include_usage: true } });
      records.compare(name, joinChunks(chunks), withoutCost);
    }
  });
});

describe("answers of the toy that speaks bytes", () => {
  const records = new RecordFile("bytes", toyDigits, byteCases);
  afterAll(() => {
    records.close();
  });

  it.each(named(byteCases))("%s", async (name, body) => {
    await using server = await createToyApp({
      speaksBytes: true,
      toy: { seed: 4, scale: 12, vocabularySize: 200, endBias: 2 },
    });
    records.check(name, withLoneCost(body, await ask(server, body)));
  });
});

/** Where a budget ends depends on the memo and on early rejection, and on nothing else: prefetching keeps off. */
describe.each([
  { file: "budget", memo: true, earlyRejection: true },
  { file: "budget-unaided", memo: false, earlyRejection: false },
])("answers within a budget, in $file.json", ({ file, memo, earlyRejection }) => {
  const records = new RecordFile(file, toyDigits, budgetCases);
  let server: Server;
  beforeAll(async () => {
    server = await createToyApp({ switches: { memo, earlyRejection, prefetch: true } });
  });
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    records.close();
  });

  it.each(named(budgetCases))("%s", async (name, body) => {
    records.check(name, await ask(server, body));
  });
});

describe("streams of the toy", () => {
  const records = new RecordFile("streams", toyDigits, streamedCases);
  afterAll(() => {
    records.close();
  });

  it.each(named(streamedCases))("%s", async (name, body) => {
    await using server = await createToyApp();
    records.check(name, await stream(server, body));
  });
});

describe("events of the toy on the WebSocket", () => {
  const records = new RecordFile("events", toyDigits, watchedCases);
  afterAll(() => {
    records.close();
  });

  it.each(named(watchedCases))("%s", async (name, body) => {
    await using server = await createToyApp();
    const watcher = await connect(server);
    watcher.send({ id: "a", ...body });
    await watcher.end("a");
    watcher.socket.terminate();
    const events = watcher.events.map((event) =>
      event.type === "done" ? { ...event, response: withoutMoment(event.response) } : event,
    );
    // The events of each choice in their order; how those of several choices mix is up to the scheduler.
    events.sort((a, b) => placeOf(a) - placeOf(b));
    records.check(name, withLoneCost(body, events));
  });
});

async function connect({ app }: Server): Promise<Watcher> {
  const address = await app.listen({ port: 0, host: "127.0.0.1" });
  const socket = new WebSocket(`${address.replace("http", "ws")}${watchPath}`);
  const watcher = new Watcher(socket);
  await once(socket, "open");
  return watcher;
}

/** The request's own events stand around those of its choices. */
function placeOf(event: { type: string }): number {
  if ("index" in event) return event.index as number;
  return event.type === "accepted" ? -1 : Infinity;
}

describe("answers of the embedded model", () => {
  // Another CPU moves logits by about 1e-6.
  const records = new RecordFile("abacus", 5, abacusCases);
  const engine = { deterministic: true, lanes: 4 };
  let server: Server;
  beforeAll(async () => {
    server = await createTestApp({ engine });
  });
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    records.close();
  });

  it.each(named(abacusCases))("%s", async (name, body) => {
    const answer = await ask(server, body);
    records.check(name, "max_evaluated_tokens" in body ? answer : withoutCost(answer));
  });

  it("are the same without accelerations", async () => {
    const unaided = { memo: false, earlyRejection: false, prefetch: false };
    await using bare = await createTestApp({ engine: { ...engine, ...unaided } });
    for (const { name, body } of abacusCases) {
      if ("max_evaluated_tokens" in body || !drawsWhole(body)) continue;
      records.compare(name, await ask(bare, body), withoutEarlyRejection);
    }
  });
});
