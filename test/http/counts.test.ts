/** What answers, progress, sockets and metrics count of steps and of tokens, held against one another. */
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { findReport } from "../../src/samplers/registry.ts";
import type { CompletionResponse } from "../../src/server/schemas/completions.ts";
import { watchPath } from "../../src/server/watch/protocol.ts";
import { createTestApp, parseEvents } from "../support/embedded.ts";
import { createToyCompleter } from "../support/toy-completer.ts";
import { Watcher } from "../support/watcher.ts";

type Server = Awaited<ReturnType<typeof createTestApp>>;
type Choice = CompletionResponse["choices"][number];

let abacus: Server;
let pivot: Server;
beforeAll(async () => {
  abacus = await createTestApp();
  pivot = await createTestApp({ engine: { model: "models/pivot" } });
});
afterAll(async () => {
  await abacus[Symbol.asyncDispose]();
  await pivot[Symbol.asyncDispose]();
});

const chains = [
  { sampler: "power" },
  { sampler: "power", proposal_temperature: 1, cut: "entropy" },
  { sampler: "power", alpha: 1, proposal_temperature: 1 },
  { sampler: "power", kernel: "multiple_try" },
  { sampler: "power", kernel: "multiple_try", tries: 3, cut: "entropy", proposal_temperature: 1 },
  { sampler: "power", kernel: "tempering" },
  { sampler: "power", kernel: "tempering", replicas: 5, alpha: 2 },
  { sampler: "power", kernel: "tempering", replicas: 2, cut: "entropy" },
  { sampler: "power", schedule: "until_finished" },
  { sampler: "power", mcmc_steps: 0 },
  { sampler: "power", max_evaluated_tokens: 12, proposal_temperature: 1 },
  { sampler: "maximize", proposal_temperature: 1 },
];
const others = [
  { sampler: "smc" },
  { sampler: "smc", particles: 3, proposal_temperature: 1 },
  { sampler: "smc", max_evaluated_tokens: 9, proposal_temperature: 1 },
  { sampler: "standard" },
  { sampler: "low_temperature" },
  { sampler: "greedy" },
];

const stepsOf = ({ power, maximize }: Choice) => (power ?? maximize)!;

function checkSteps(choice: Choice): void {
  const { steps, moved, unchanged, rejected, rejected_early, accepted, acceptance } = stepsOf(choice);
  expect(moved + unchanged + rejected + rejected_early).toBe(steps);
  expect(accepted).toBe(moved);
  expect(acceptance).toBe(steps === 0 ? 0 : (moved + unchanged) / steps);
  const { power } = choice;
  if (power === undefined) return;
  expect(power.first_token_changes).toBeLessThanOrEqual(moved);
  expect(power.first_token_changes).toBeLessThanOrEqual(power.first_token_proposals);
  expect(power.first_token_proposals).toBeLessThanOrEqual(steps);
  const { swaps_proposed, swaps_accepted = 0, answer_swaps = 0, first_token_swaps = 0 } = power;
  expect(first_token_swaps).toBeLessThanOrEqual(answer_swaps);
  expect(answer_swaps).toBeLessThanOrEqual(Math.min(swaps_accepted, steps));
  if (swaps_proposed !== undefined) expect(swaps_proposed % Math.max(1, steps)).toBe(0);
}

function checkTokens(choice: Choice): void {
  const cost = findReport(choice)!.body;
  const { drawn_tokens, evaluated_tokens, remembered_tokens, discarded_tokens } = cost;
  expect(evaluated_tokens + remembered_tokens).toBe(drawn_tokens + discarded_tokens);
  for (const tokens of Object.values({ remembered_tokens, discarded_tokens, evaluated_tokens }))
    expect(tokens).toBeGreaterThanOrEqual(0);
  expect(remembered_tokens).toBeLessThanOrEqual(drawn_tokens);
}

describe("steps", () => {
  it.each(chains)("of %j are told apart, swaps from moves", async (body) => {
    for (const [server, prompt] of [
      [abacus, "7-2*3+4="],
      [pivot, "482913="],
    ] as const) {
      const { choices } = await server.complete({ prompt, n: 6, seed: 7, ...body });
      choices.forEach(checkSteps);
    }
  });

  it("of tempering change the first token by swaps more often than by moves", async () => {
    const body = { prompt: "482913=", n: 8, seed: 1, sampler: "power", kernel: "tempering" };
    const { choices } = await pivot.complete(body);
    const sum = (key: "first_token_changes" | "first_token_swaps" | "first_token_proposals"): number =>
      choices.reduce((total, { power }) => total + power![key]!, 0);
    expect(sum("first_token_swaps")).toBeGreaterThan(sum("first_token_proposals"));
    expect(sum("first_token_changes")).toBeLessThanOrEqual(sum("first_token_proposals"));
  });

  it.each(chains)("of %j are those of the last progress, in a stream and over a socket", async (body) => {
    const asked = { prompt: "7-2*3+4=", n: 3, seed: 5, mcmc_steps: 3, ...body };
    const options = { stream: true, stream_options: { include_progress: true } };
    const chunks = parseEvents(
      (await abacus.post("/v1/completions", { ...asked, ...options })).text,
    ) as unknown as (CompletionResponse & { progress?: { index: number } })[];
    if (!abacus.app.server.listening) await abacus.app.listen({ port: 0, host: "127.0.0.1" });
    const { port } = abacus.app.server.address() as AddressInfo;
    const watcher = new Watcher(new WebSocket(`ws://127.0.0.1:${port}${watchPath}`));
    await once(watcher.socket, "open");
    watcher.send({ id: "a", ...asked });
    await watcher.end("a");
    watcher.socket.terminate();
    for (const { choices } of chunks) {
      const [choice] = choices;
      if (choice?.finish_reason == null) continue;
      const { moved, unchanged, rejected, rejected_early, acceptance, ...report } = stepsOf(choice);
      const counts = { moved, unchanged, rejected, rejected_early, acceptance };
      const { index } = choice;
      expect(chunks.findLast(({ progress }) => progress?.index === index)!.progress).toMatchObject(counts);
      expect(watcher.of("progress", "a", index).at(-1)).toMatchObject(counts);
      // A budget ends chains wherever the memo lets it; all others are watched step by step.
      const decisions = watcher.of("decision", "a", index);
      const outcomes = (name: string): number => decisions.filter(({ outcome }) => outcome === name).length;
      expect(outcomes("accepted")).toBe(moved);
      expect(outcomes("unchanged")).toBe(unchanged);
      expect(outcomes("rejected") + outcomes("rejected_early")).toBe(rejected + rejected_early);
      const swapped = decisions.filter((decision) => decision.swapped).length;
      expect(swapped).toBe("answer_swaps" in report ? report.answer_swaps : 0);
    }
  });
});

describe("tokens", () => {
  it.each([...chains, ...others])("of %j: drawn and discarded are evaluated and remembered", async (body) => {
    for (const terms of [{}, { n: 3 }, { n: 1, best_of: 3 }, { stop: ["=1"] }]) {
      const asked = { prompt: "7-2*3+4=", seed: 11, ...terms, ...body };
      (await abacus.complete(asked)).choices.forEach(checkTokens);
    }
  });

  it.each([...chains, ...others])(
    "of %j count so without a memo and with steps begun ahead",
    async (body) => {
      for (const memo of [true, false]) {
        const switches = { memo, earlyRejection: true, prefetch: true };
        const completer = await createToyCompleter({
          toy: { seed: 3, scale: 7 },
          lanes: 8,
          switches,
          onStep: () => sleep(1),
        });
        await using server = await createTestApp({ completer });
        const asked = { prompt: "7-2*3+4=", max_tokens: 8, n: 2, seed: 2 };
        const { choices } = await server.complete({ ...asked, ...body });
        choices.forEach(checkTokens);
        for (const choice of choices) if (!memo) expect(findReport(choice)!.body.remembered_tokens).toBe(0);
      }
    },
  );

  it.each(chains.filter((body) => !("max_evaluated_tokens" in body)))(
    "of %j asked again are remembered, not free",
    async (body) => {
      const asked = { prompt: "3+4*2-1=", seed: 3, ...body };
      const [first] = (await abacus.complete(asked)).choices;
      const [again] = (await abacus.complete(asked)).choices;
      const { drawn_tokens } = stepsOf(first!);
      expect(stepsOf(again!)).toMatchObject({
        drawn_tokens,
        evaluated_tokens: 0,
        remembered_tokens: drawn_tokens,
        discarded_tokens: 0,
      });
    },
  );

  it.each(["standard", "low_temperature", "greedy"])(
    "of %s are drawn once each, whole and streamed",
    async (sampler) => {
      const body = { prompt: "7-2*3+4=", sampler, seed: 4 };
      const { choices, usage } = await abacus.complete(body);
      const tokens = usage!.completion_tokens;
      const cost = { drawn_tokens: tokens, evaluated_tokens: tokens };
      const expected = { ...cost, remembered_tokens: 0, discarded_tokens: 0 };
      expect(findReport(choices[0]!)).toEqual({ sampler, body: expected });
      const chunks = parseEvents((await abacus.post("/v1/completions", { ...body, stream: true })).text);
      expect(chunks.at(-1)).toMatchObject({ choices: [{ [sampler]: expected }] });
    },
  );
});

it("metrics add up the same counts", async () => {
  await using server = await createTestApp();
  const bodies = [...chains, ...others].map((body, seed) => ({ prompt: "7-2*3+4=", seed, n: 2, ...body }));
  const answers = await Promise.all(bodies.map((body) => server.complete(body)));
  const choices = answers.flatMap((answer) => answer.choices);
  const lines = (await server.app.inject({ url: "/metrics" })).body.split("\n");
  const value = (name: string): number =>
    Number(
      lines
        .find((line) => line.startsWith(`metropolis_${name} `))
        ?.split(" ")
        .at(-1),
    );
  const sum = (countOf: (choice: Choice) => number): number =>
    choices.reduce((total, choice) => total + countOf(choice), 0);
  expect(value("evaluated_tokens_total")).toBe(sum((choice) => findReport(choice)!.body.evaluated_tokens));
  expect(value("memo_hits_total")).toBe(sum((choice) => findReport(choice)!.body.remembered_tokens));
  expect(value("discarded_tokens_total")).toBe(sum((choice) => findReport(choice)!.body.discarded_tokens));
  const whole = ({ power, maximize, smc }: Choice) => power ?? maximize ?? smc;
  expect(value("memo_queries_total")).toBe(sum((choice) => whole(choice)?.drawn_tokens ?? 0));
  const steps = ({ power, maximize }: Choice) => power ?? maximize;
  for (const [label, key] of [
    ["accepted", "moved"],
    ["unchanged", "unchanged"],
    ["rejected", "rejected"],
    ["rejected_early", "rejected_early"],
  ] as const)
    expect(value(`proposals_total{outcome="${label}"}`)).toBe(sum((choice) => steps(choice)?.[key] ?? 0));
  expect(value('swaps_total{outcome="accepted"}')).toBe(sum(({ power }) => power?.swaps_accepted ?? 0));
});
