import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ServerProcess } from "../support/server-process.ts";

interface Health {
  readonly status: string;
  readonly lanes: { readonly leased: number };
  readonly sequences: { readonly open: number };
  readonly evaluatedTokens: number;
}

let server: ServerProcess;
beforeAll(async () => {
  server = await ServerProcess.start();
});
afterAll(() => server[Symbol.asyncDispose]());

const health = async (): Promise<Health> => (await fetch(`${server.url}/health`)).json() as Promise<Health>;

async function residentMib(): Promise<number> {
  const status = await readFile(`/proc/${server.pid}/status`, "utf8");
  return Number(/VmRSS:\s+(\d+)/.exec(status)![1]) / 1024;
}

/** 200 requests at once, a third of them cut off by the client, whole and streamed. */
async function storm(round: number): Promise<{ finished: number; cut: number }> {
  const outcomes = await Promise.all(
    Array.from({ length: 200 }, async (_, index) => {
      const controller = new AbortController();
      const body = {
        prompt: `${1 + (index % 9)}-2*3+${1 + (round % 9)}=`,
        sampler: index % 2 === 0 ? "power" : "standard",
        seed: index,
        stream: index % 4 < 2,
        ...(index % 2 === 0 ? { mcmc_steps: 20 } : {}),
      };
      if (index % 3 === 0)
        setTimeout(
          () => {
            controller.abort();
          },
          5 + (index % 40),
        );
      try {
        const reply = await server.post("/v1/completions", body, controller.signal);
        expect(reply.status).toBe(200);
        const text = await reply.text();
        expect(text).toContain(body.stream ? "[DONE]" : '"finish_reason":"stop"');
        return "finished";
      } catch (error) {
        if (!controller.signal.aborted) throw error;
        return "cut";
      }
    }),
  );
  return {
    finished: outcomes.filter((outcome) => outcome === "finished").length,
    cut: outcomes.filter((outcome) => outcome === "cut").length,
  };
}

async function untilIdle(): Promise<Health> {
  await expect.poll(async () => (await health()).sequences.open).toBe(0);
  return health();
}

describe("under load, with clients going away", () => {
  it("leaks no lane, stays whole, and gives its memory back", async () => {
    await storm(0);
    await untilIdle();
    const before = await residentMib();
    for (let round = 1; round <= 3; round++) {
      const { finished, cut } = await storm(round);
      expect(finished + cut).toBe(200);
      expect(cut).toBeGreaterThan(20);
    }
    // The engine checks its lanes and its prefix store whenever it falls idle, and says so when they are not whole.
    expect(await untilIdle()).toMatchObject({ status: "ok", lanes: { leased: 0 }, sequences: { open: 0 } });
    expect(await residentMib()).toBeLessThan(before * 1.5 + 50);
    const metrics = await (await fetch(`${server.url}/metrics`)).text();
    for (const kind of ["heap_used", "heap_total", "external", "array_buffers"])
      expect(metrics).toMatch(new RegExp(`^metropolis_engine_thread_bytes{kind="${kind}"} [1-9]`, "m"));
  });

  it("stops a chain whose client went away", async () => {
    const controller = new AbortController();
    const endless = {
      prompt: "7-2*3+4=",
      sampler: "power",
      mcmc_steps: 10_000,
      n: 8,
      proposal_temperature: 1,
    };
    const request = server.post("/v1/completions", endless, controller.signal).catch(() => "gone");
    // A chain that walks on what it remembers holds no lane at that moment.
    await expect.poll(async () => (await health()).sequences.open).toBeGreaterThan(0);
    controller.abort();
    await request;
    // A chain that ran on would evaluate tokens while it is asked.
    await expect
      .poll(async () => {
        const { evaluatedTokens } = await untilIdle();
        for (let replies = 0; replies < 50; replies++)
          if ((await health()).evaluatedTokens !== evaluatedTokens) return "runs on";
        return "stopped";
      })
      .toBe("stopped");
    expect(await health()).toMatchObject({ status: "ok", lanes: { leased: 0 }, sequences: { open: 0 } });
  });
});
