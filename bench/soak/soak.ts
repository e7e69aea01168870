import { setMaxListeners } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { ServerProcess } from "../../test/support/server-process.ts";
import { printRow, printTable, quantile } from "../report.ts";
import { Crowd } from "./crowd.ts";
import { slopeOf } from "./growth.ts";
import { readServer } from "./reading.ts";
import type { Held, Reading } from "./reading.ts";
import { Tally } from "./tally.ts";
import { workloadFor } from "./workload.ts";

export interface SoakOptions {
  /** The folder of a model; the embedded one where it is left out. */
  readonly model: string | undefined;
  readonly minutes: number;
  readonly clients: number;
  readonly threads: number;
}

const readingEveryMs = 5_000;

/** Readings of the first minutes, while stores fill and code is compiled, say nothing about growth. */
const settlingMs = 600_000;

/** How long a server may take to let go of what its clients left. */
const releaseMs = 120_000;

/** A rise of resident memory that counts as none, as a share of it in an hour. */
const flatShare = 0.02;

/**
 * For a model that takes ten seconds over what the embedded one does in one: a memo that is full in the first ten
 * minutes, so that what grows after them is something else; and no deadline, which batch work would miss beside a crowd
 * that leaves it no lane until most clients wait for it.
 */
const slowModel = ["--memo-mib", "24", "--request-timeout", "0"];

interface Timed extends Reading {
  readonly ms: number;
}

/**
 * A crowd of mixed clients at a server process for so long: what it holds, and whether it holds more at the end than at
 * the start. Ends the process with 1 where something leaked or a request failed.
 */
export async function benchSoak({ model, minutes, clients, threads }: SoakOptions): Promise<void> {
  await using server = await ServerProcess.start([
    ...["--threads", String(threads)],
    ...(model === undefined ? [] : ["--model", model, ...slowModel]),
  ]);
  const crowd = new Crowd(server.url, workloadFor(model));
  // What is opened once and kept, such as a second process for prompts, belongs to the start.
  await runFor(crowd, clients, { ms: 10_000, tally: new Tally() });
  const before = await settle(server);
  console.log(`\nsoak: ${clients} clients for ${minutes} min\n`);
  printTable(lineHead, [lineOf(before, new Tally())]);
  const tally = new Tally();
  const readings = await watchWhile(server, tally, {
    everyMs: Math.max(10_000, minutes * 1_000),
    work: runFor(crowd, clients, { ms: minutes * 60_000, tally }),
  });
  const after = await settle(server, before);
  printRow(lineOf(after, tally));

  console.log(`\nrequests, of ${crowd.distinctPrompts} distinct prompts\n`);
  printTable(["kind", "done", "left by their clients", "failed", "median, ms", "p99, ms"], tally.rows);
  for (const failure of tally.failures) console.log(`failed: ${failure}`);
  console.log("\nwhat is given back, before the load and after it\n");
  const leaks = Object.keys(before.held).filter((name) => after.held[name]! > before.held[name]!);
  printTable(
    ["", "before", "after"],
    Object.entries(before.held).map(([name, count]) => [name, show(count), show(after.held[name]!)]),
  );
  const grew = reportMemory(readings);
  reportDelay(readings);
  const faults = [
    ...leaks.map((name) => `${name} leaked: ${before.held[name]} before, ${after.held[name]} after`),
    ...(tally.totals.failed === 0 ? [] : [`${tally.totals.failed} requests failed`]),
    ...(grew === undefined ? [] : [grew]),
  ];
  console.log(faults.length === 0 ? "\nstart and end agree" : `\n${faults.join("\n")}`);
  if (faults.length > 0) process.exitCode = 1;
}

async function runFor(
  crowd: Crowd,
  clients: number,
  { ms, tally }: { ms: number; tally: Tally },
): Promise<void> {
  const ending = new AbortController();
  setMaxListeners(0, ending.signal);
  const timer = setTimeout(() => {
    ending.abort();
  }, ms);
  await crowd.storm(clients, ending.signal, tally);
  clearTimeout(timer);
}

/** Reads the server again and again until the work is done. */
async function watchWhile(
  server: ServerProcess,
  tally: Tally,
  { everyMs, work }: { everyMs: number; work: Promise<void> },
): Promise<Timed[]> {
  const started = performance.now();
  const readings: Timed[] = [];
  const done = work.then(() => true);
  let shown = 0;
  while (!(await Promise.race([sleep(readingEveryMs, false), done]))) {
    const reading = await readServer(server);
    const ms = performance.now() - started;
    readings.push({ ...reading, ms });
    if (ms < (shown + 1) * everyMs) continue;
    printRow(lineOf(reading, tally, ms));
    shown = Math.floor(ms / everyMs);
  }
  return readings;
}

/** Waits until no request runs and nothing that was held before is held still; what stays for too long, stays. */
async function settle(server: ServerProcess, before?: Reading): Promise<Reading> {
  const deadline = performance.now() + releaseMs;
  for (;;) {
    await sleep(1_000);
    const reading = await readServer(server);
    const { held } = reading;
    const isQuiet = held.completions === 0 && !(held.sequences! > 0);
    const isBack = before === undefined ? !(held.connections! > 1) : !exceeds(held, before.held);
    if ((isQuiet && isBack) || performance.now() > deadline) return reading;
  }
}

const exceeds = (held: Held, before: Held): boolean =>
  Object.entries(before).some(([name, count]) => held[name]! > count);

const lineHead = [
  ...["min", "RSS, MiB", "prompts' RSS", "heaps: server", "engine", "external: server", "engine"],
  ...["prefix store", "memo", "descriptors", "connections", "lanes", "sequences"],
  ...["delay p99, ms", "worst", "done", "left", "failed"],
];

function lineOf(reading: Reading, tally: Tally, ms?: number): string[] {
  const { held, delayMs } = reading;
  const { done, left, failed } = tally.totals;
  const mib = [
    ...[reading.rssMib, reading.promptRssMib, reading.heapMib, reading.engineHeapMib],
    ...[reading.externalMib, reading.engineExternalMib, reading.prefixStoreMib, reading.memoMib],
  ];
  const counts = ["descriptors", "connections", "lanes", "sequences"].map((name) => held[name]!);
  return [
    ms === undefined ? "idle" : (ms / 60_000).toFixed(1),
    ...[...mib, ...counts, delayMs.p99, delayMs.worst, done, left, failed].map(show),
  ];
}

const show = (value: number): string => (Number.isNaN(value) ? "not told" : value.toFixed(0));

/** @returns what is wrong: that resident memory grew beyond doubt, and by more than counts as none */
function reportMemory(readings: readonly Timed[]): string | undefined {
  const settled = readings.filter(({ ms }) => ms >= settlingMs);
  if (settled.length < 60) {
    console.log("\nresident memory: too few readings after the first ten minutes to tell a slope");
    return undefined;
  }
  const { slope, error } = slopeOf(settled.map(({ ms, rssMib }) => [ms / 3_600_000, rssMib]));
  const size = quantile(
    settled.map(({ rssMib }) => rssMib),
    0.5,
  );
  const said = `${slope.toFixed(1)} ± ${error.toFixed(1)} MiB an hour at ${size.toFixed(0)} MiB`;
  console.log(`\nresident memory after the first ten minutes: ${said}`);
  return slope - 2 * error > 0 && slope > flatShare * size ? `resident memory grew: ${said}` : undefined;
}

function reportDelay(readings: readonly Timed[]): void {
  const of = (what: keyof Reading["delayMs"]): number[] => readings.map(({ delayMs }) => delayMs[what]);
  const [p50, p99] = [quantile(of("p50"), 0.5), quantile(of("p99"), 0.5)];
  console.log(
    `event-loop delay of ${readingEveryMs / 1000} s each, ms, the timer's own 10 included: ` +
      `p50 ${p50.toFixed(0)}, p99 ${p99.toFixed(0)} (medians), worst ${Math.max(...of("worst")).toFixed(0)}`,
  );
}
