import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { watchPath } from "../../src/server/watch/protocol.ts";
import { noText, revise } from "../../src/server/watch/revision.ts";
import type { RevisedText } from "../../src/server/watch/revision.ts";
import { ServerProcess } from "../support/server-process.ts";
import { Watcher } from "../support/watcher.ts";

let server: ServerProcess;
beforeAll(async () => {
  server = await ServerProcess.start();
});
afterAll(() => server[Symbol.asyncDispose]());

const urlOf = ({ url }: ServerProcess): string => url.replace("http", "ws") + watchPath;

async function connect(to: ServerProcess): Promise<Watcher> {
  const watcher = new Watcher(new WebSocket(urlOf(to)));
  await once(watcher.socket, "open");
  return watcher;
}

interface Health {
  readonly status: string;
  readonly lanes: { readonly leased: number };
  readonly sequences: { readonly open: number };
}

async function untilIdle(): Promise<Health> {
  const health = async () => (await (await fetch(`${server.url}/health`)).json()) as Health;
  await expect.poll(async () => (await health()).sequences.open).toBe(0);
  return health();
}

async function residentMib(): Promise<number> {
  const status = await readFile(`/proc/${server.pid}/status`, "utf8");
  return Number(/VmRSS:\s+(\d+)/.exec(status)![1]) / 1024;
}

/** 200 sockets at once: a third drop in mid-chain, a third read nothing for a while, the rest watch to the end. */
async function storm(round: number): Promise<{ done: number; dropped: number }> {
  const outcomes = await Promise.all(
    Array.from({ length: 200 }, async (_, index) => {
      const watcher = await connect(server);
      const prompt = `${1 + (index % 9)}-2*3+${1 + (round % 9)}=`;
      watcher.send({
        id: "a",
        prompt,
        sampler: "power",
        seed: index,
        proposal_temperature: 1,
        mcmc_steps: 4,
      });
      if (index % 3 === 0) {
        await watcher.until((event): event is typeof event => event.type === "decision");
        watcher.socket.terminate();
        return "dropped";
      }
      if (index % 3 === 1) {
        watcher.socket.pause();
        await sleep(200 + index);
        watcher.socket.resume();
      }
      const end = await watcher.end("a");
      if (end.type === "error") throw new Error(end.error.message);
      const { text } = watcher.of("revision", "a").reduce<RevisedText>(revise, noText);
      expect(text).toBe(end.response.choices[0]!.text);
      watcher.socket.close();
      return "done";
    }),
  );
  const count = (outcome: string): number => outcomes.filter((value) => value === outcome).length;
  return { done: count("done"), dropped: count("dropped") };
}

describe("200 sockets at once", () => {
  it("all get their answers, and those dropped in mid-chain leave nothing behind", async () => {
    await storm(0);
    await untilIdle();
    const before = await residentMib();
    for (let round = 1; round <= 2; round++) expect(await storm(round)).toEqual({ done: 133, dropped: 67 });
    expect(await untilIdle()).toMatchObject({ status: "ok", lanes: { leased: 0 }, sequences: { open: 0 } });
    expect(await residentMib()).toBeLessThan(before * 1.5 + 50);
  });
});

describe("SIGTERM", () => {
  it("lets what is watched finish, refuses more, and closes the sockets", async () => {
    const leaving = await ServerProcess.start(["--no-memo", "--no-early-rejection"]);
    const watcher = await connect(leaving);
    const idle = await connect(leaving);
    const closed = Promise.all([watcher.closed(), idle.closed()]);
    watcher.send({ id: "long", prompt: "7-2*3+4=", sampler: "power", seed: 1, n: 20 });
    await watcher.until((event): event is typeof event => event.type === "decision");
    leaving.signal("SIGTERM");
    await idle.closed();
    watcher.send({ id: "late", prompt: "1+1=" });
    expect(await watcher.end("late")).toMatchObject({ type: "error", error: { code: "shutting_down" } });
    const end = await watcher.end("long");
    expect(end.type === "done" && end.response.choices.length).toBe(20);
    expect(await closed).toEqual([1001, 1001]);
    expect(await leaving.exit()).toMatchObject({ code: 0 });
  });
});
