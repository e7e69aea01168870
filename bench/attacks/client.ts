/**
 * A process that is a well-behaved client: `client.ts URL`. It asks for the server's health and for a completion, each
 * at a steady rate, until it is told `report`; it then sends what they took.
 */
import { Agent, request as httpRequest } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

/** What requests took, ms. */
export interface ClientReport {
  readonly health: readonly number[];
  readonly completions: readonly number[];
  /** Those that were refused, or had no answer in time. */
  readonly failed: number;
}

/** After this long without an answer, ms, a request counts as failed, and as having taken so long. */
const patienceMs = 30_000;

const url = process.argv[2]!;
const agent = new Agent({ keepAlive: true });
let times: { health: number[]; completions: number[] } = { health: [], completions: [] };
let failed = 0;
const underWay: Partial<Record<keyof typeof times, Promise<boolean>>> = {};

function ask(path: string, body?: string): Promise<boolean> {
  return new Promise((resolve) => {
    const request = httpRequest(
      `${url}${path}`,
      {
        agent,
        method: body === undefined ? "GET" : "POST",
        headers: { "content-type": "application/json" },
        timeout: patienceMs,
      },
      (response) => {
        response.resume().on("close", () => {
          resolve(response.complete && response.statusCode === 200);
        });
      },
    );
    request.on("timeout", () => request.destroy());
    request.on("error", () => {
      resolve(false);
    });
    request.end(body);
  });
}

/**
 * Asks every so often. A request that takes longer keeps those from being sent whose time comes meanwhile; they would
 * have waited for the rest of it, and count so: else one long stall would be one slow answer among a thousand.
 */
async function poll(
  what: keyof typeof times,
  everyMs: number,
  act: (round: number) => Promise<boolean>,
): Promise<never> {
  for (let round = 0; ; round++) {
    const started = performance.now();
    underWay[what] = act(round);
    if (!(await underWay[what])) failed++;
    const took = performance.now() - started;
    for (let ms = took; ms > 0; ms -= everyMs) times[what].push(ms);
    await sleep(everyMs - (took % everyMs));
  }
}

async function report(): Promise<void> {
  // What is waited for now, and may be for long, counts.
  await Promise.all(Object.values(underWay));
  process.send!({ ...times, failed } satisfies ClientReport);
  times = { health: [], completions: [] };
  failed = 0;
}

process.on("message", () => void report());
void poll("health", 5, () => ask("/health"));
void poll("completions", 50, (round) =>
  ask(
    "/v1/completions",
    JSON.stringify({ prompt: `${1 + (round % 9)}-2*3+4=`, max_tokens: 16, seed: round }),
  ),
);
