import { setMaxListeners } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { abacus } from "../lab/abacus.ts";
import { ServerProcess } from "../test/support/server-process.ts";
import { median, printTable } from "./report.ts";
import { ServedMetrics } from "./served-metrics.ts";

const windowMs = 10_000;

interface Window {
  readonly firstByteMs: number[];
  readonly requests: number;
  readonly residentMib: number;
  /** Event-loop delay of the thread that speaks HTTP, milliseconds. */
  readonly delayMs: { readonly mean: number; readonly p99: number };
}

/** So many streams at once for so long, half of them power: whether anything grows. */
export async function benchStreams(streams: number, windows: number): Promise<void> {
  await using server = await ServerProcess.start(["--lanes", "32"]);
  const prompts = abacus.testPrompts(streams);
  const ending = new AbortController();
  setMaxListeners(0, ending.signal);
  let firstByteMs: number[] = [];
  let requests = 0;
  const client = async (index: number): Promise<void> => {
    for (let round = 0; !ending.signal.aborted; round++) {
      const start = performance.now();
      const reply = await server.post("/v1/completions", {
        prompt: prompts[index]!,
        sampler: index % 2 === 0 ? "power" : "standard",
        seed: round,
        stream: true,
        stream_options: { include_progress: true },
      });
      let isFirst = true;
      for await (const bytes of reply.body!) {
        if (isFirst) firstByteMs.push(performance.now() - start);
        isFirst = bytes === undefined;
      }
      requests++;
    }
  };
  const clients = Promise.all(Array.from({ length: streams }, (_, index) => client(index)));
  const measured: Window[] = [];
  // The first window warms up caches and compiled code, and is not shown.
  for (let window = 0; window <= windows; window++) {
    firstByteMs = [];
    requests = 0;
    await readMetrics(server);
    await sleep(windowMs);
    const metrics = await readMetrics(server);
    if (window > 0) measured.push({ firstByteMs, requests, ...metrics });
  }
  ending.abort();
  await clients;
  console.log(`\n(e) ${streams} streams at once, half of them power, windows of ${windowMs / 1000} s\n`);
  const head = [
    "window",
    "requests",
    "first byte, ms: median",
    "p99",
    "event-loop delay, ms: mean",
    "p99",
    "RSS, MiB",
  ];
  printTable(head, measured.map(toRow));
}

function toRow({ firstByteMs, requests, residentMib, delayMs }: Window, index: number): string[] {
  const p99 = firstByteMs.toSorted((a, b) => a - b)[Math.floor(firstByteMs.length * 0.99)]!;
  return [
    String(index + 1),
    String(requests),
    median(firstByteMs).toFixed(0),
    p99.toFixed(0),
    delayMs.mean.toFixed(1),
    delayMs.p99.toFixed(1),
    residentMib.toFixed(0),
  ];
}

/** The server's own figures; its event-loop delay is that since the last time they were read. */
async function readMetrics({ url }: ServerProcess): Promise<Pick<Window, "residentMib" | "delayMs">> {
  const metrics = await ServedMetrics.read(url);
  return {
    residentMib: metrics.ofProcess("process_resident_memory_bytes") / 2 ** 20,
    delayMs: metrics.delayMs,
  };
}
