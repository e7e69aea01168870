import { readFile, readdir } from "node:fs/promises";
import type { ServerProcess } from "../../test/support/server-process.ts";
import { ServedMetrics } from "../served-metrics.ts";

/** What a server holds at a moment. NaN for what it does not tell. */
export interface Reading {
  /** Resident memory of the server, and of the processes that turn its prompts into tokens, MiB. */
  readonly rssMib: number;
  readonly promptRssMib: number;
  /** Parts of the server's: what its two threads hold, and what is kept of earlier requests; MiB. */
  readonly heapMib: number;
  readonly engineHeapMib: number;
  readonly externalMib: number;
  readonly engineExternalMib: number;
  readonly prefixStoreMib: number;
  readonly memoMib: number;
  /** Delay of the server's event loop since the reading before, ms. */
  readonly delayMs: ServedMetrics["delayMs"];
  readonly held: Held;
}

/** What is given back when its request ends, by name. */
export type Held = Readonly<Record<string, number>>;

const heldMetrics: Readonly<Record<string, string>> = {
  connections: "metropolis_connections",
  sockets: "metropolis_watch_sockets",
  completions: "metropolis_num_requests_running",
  lanes: "metropolis_lanes_leased",
  sequences: "metropolis_sequences_open",
  waiting: "metropolis_num_requests_waiting",
  listeners: "metropolis_listeners",
  handles: "nodejs_active_handles",
};

export async function readServer(server: ServerProcess): Promise<Reading> {
  const metrics = await ServedMetrics.read(server.url);
  const mib = (name: string): number => metrics.sum(name) / 2 ** 20;
  const engineMib = (kind: string): number =>
    metrics.value(`metropolis_engine_thread_bytes{kind="${kind}"}`) / 2 ** 20;
  const held = Object.entries(heldMetrics).map(([name, metric]) => [name, metrics.sum(metric)] as const);
  const prompts = await childrenOf(server.pid);
  return {
    rssMib: await residentMib(server.pid),
    promptRssMib: (await Promise.all(prompts.map(residentMib))).reduce((sum, size) => sum + size, 0),
    heapMib: mib("nodejs_heap_size_total_bytes"),
    engineHeapMib: engineMib("heap_total"),
    externalMib: mib("nodejs_external_memory_bytes"),
    engineExternalMib: engineMib("external"),
    prefixStoreMib: mib("metropolis_prefix_store_bytes"),
    memoMib: mib("metropolis_memo_bytes"),
    delayMs: metrics.delayMs,
    held: { descriptors: await countDescriptors(server.pid), ...Object.fromEntries(held) },
  };
}

/** @returns NaN where there is no /proc, or the process is gone */
async function residentMib(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? NaN) / 1024;
}

const countDescriptors = (pid: number): Promise<number> =>
  readdir(`/proc/${pid}/fd`).then(
    ({ length }) => length,
    () => NaN,
  );

async function childrenOf(pid: number): Promise<number[]> {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8").catch(() => "");
  return children.split(" ").filter(Boolean).map(Number);
}
