import { fork } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFile, rm } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { writeByteModel } from "../../test/support/byte-model.ts";
import { ServerProcess, commandPath } from "../../test/support/server-process.ts";
import { printRow, printTable, quantile } from "../report.ts";
import { ServedMetrics } from "../served-metrics.ts";
import { attacks } from "./catalog.ts";
import type { ClientReport } from "./client.ts";

export interface AttackOptions {
  /** The built command line that is attacked: this one's, or an older one's to compare with. */
  readonly serverMain: string | undefined;
  /** How long each attack goes on. */
  readonly seconds: number;
  /** A part of the names of those wanted; all of them, and all at once, when left out. */
  readonly only: string | undefined;
}

/** Needs a model that takes the 8,000 tokens; the embedded one takes 256. */
const longAttack = "huge answers";
const longContext = 8_192;

const together = "all at once";

/** How long a server may take to answer again once its attackers are gone. */
const recoveryMs = 60_000;

/**
 * Each attack, and all at once, against a server of its own with a well-behaved client beside: what the client waits,
 * against what it waited before, the delay of the server's event loop, its peak memory, and whether it lives.
 */
export async function benchAttacks({
  serverMain = commandPath,
  seconds,
  only,
}: AttackOptions): Promise<void> {
  const names = Object.keys(attacks).filter((name) => only === undefined || name.includes(only));
  const longModel = await writeByteModel({ maxPositions: longContext });
  console.log(
    `\nattacks: ${seconds} s each; a well-behaved client polls /health every 5 ms and completes 16 tokens every 50 ms. ` +
      "Attackers are one process at low priority, at bounded rates, each from an address of its own. p50/p99/worst, ms\n",
  );
  printTable(head, []);
  const run = async (title: string, attacked: readonly string[], model?: string): Promise<void> => {
    const args = model === undefined ? [] : ["--model", model, "--context", String(longContext)];
    await using server = await ServerProcess.start(args, {}, serverMain);
    printRow([title, ...(await withstand(server, attacked, seconds))]);
  };
  for (const name of names) await run(name, [name], name === longAttack ? longModel : undefined);
  if (only === undefined || together.includes(only)) await run(together, Object.keys(attacks));
  await rm(longModel, { recursive: true });
}

const head = [
  ...["attack", "/health alone", "attacked", "p99 ratio", "completion alone", "attacked", "p99 ratio"],
  ...["unanswered", "event loop's delay: p99, ms", "worst", "peak RSS, MiB", "survived"],
];

async function withstand(
  server: ServerProcess,
  names: readonly string[],
  seconds: number,
): Promise<string[]> {
  const client = startProcess("./client.ts", [server.url]);
  // Compiled code and caches.
  await sleep(3_000);
  await report(client);
  await sleep(seconds * 1_000);
  const alone = await report(client);
  await ServedMetrics.read(server.url);
  const context = await contextOf(server);
  const attacker = startProcess("./attacker.ts", [server.url, String(context), ...names]);
  await sleep(seconds * 1_000);
  await end(attacker);
  const attacked = await report(client);
  // Read once the client has all of its answers: a stall is in the figures when it is over.
  const metrics = await ServedMetrics.read(server.url, recoveryMs).catch(() => undefined);
  const peak = await peakMib(server.pid);
  client.kill("SIGKILL");
  // One that is stalled would not hear of anything else.
  server.signal("SIGKILL");
  const { p99, worst } = metrics?.delayMs ?? { p99: NaN, worst: NaN };
  return [
    ...compare(alone.health, attacked.health),
    ...compare(alone.completions, attacked.completions),
    String(attacked.failed),
    ...[p99, worst, peak].map((value) => value.toFixed(0)),
    metrics === undefined ? "no" : "yes",
  ];
}

function compare(alone: readonly number[], attacked: readonly number[]): string[] {
  const show = (times: readonly number[]): string =>
    [0.5, 0.99, 1].map((share) => precise(quantile(times, share))).join("/");
  const ratio = quantile(attacked, 0.99) / quantile(alone, 0.99);
  return [show(alone), show(attacked), `${precise(ratio)}x`];
}

const precise = (value: number): string => value.toFixed(value < 10 ? 1 : 0);

function startProcess(script: string, args: readonly string[]): ChildProcess {
  return fork(fileURLToPath(new URL(script, import.meta.url)), args);
}

/** What the client measured since the last report. */
async function report(client: ChildProcess): Promise<ClientReport> {
  client.send("report");
  const [measured] = (await once(client, "message")) as [ClientReport];
  return measured;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) throw new Error(`the attacker ended by itself, with ${child.exitCode}`);
  const gone = once(child, "exit");
  child.kill("SIGTERM");
  await gone;
}

async function contextOf({ url }: ServerProcess): Promise<number> {
  const { data } = (await (await fetch(`${url}/v1/models`)).json()) as {
    data: readonly { max_model_len: number }[];
  };
  return data[0]!.max_model_len;
}

/** NaN where there is no /proc, or the server is gone. */
async function peakMib(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
  return Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? NaN) / 1024;
}
