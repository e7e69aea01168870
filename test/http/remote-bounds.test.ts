import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { TokenIds } from "../../src/core/tokens.ts";
import type { CompletionResponse } from "../../src/server/schemas/completions.ts";
import type { WatchedToken, WatchEvent } from "../../src/server/watch/messages.ts";
import { createTestApp, parseEvents } from "../support/embedded.ts";
import { servedAbacus } from "../support/fake-servers/abacus.ts";
import { engineOver } from "../support/fake-servers/engine-over.ts";
import type { FakeModel } from "../support/fake-servers/fake-server.ts";
import { FakeVllm } from "../support/fake-servers/vllm.ts";
import { openWatcher } from "../support/watcher.ts";

/** What is known within bounds of a model that a server elsewhere runs, which tells four of its eighteen tokens. */

let model: FakeModel;
let fake: FakeVllm;
let server: Awaited<ReturnType<typeof createTestApp>>;
beforeAll(async () => {
  model = await servedAbacus();
  fake = await new FakeVllm(model, { maxLogprobs: 4 }).start();
  server = await createTestApp({ engine: { server: engineOver(fake) } });
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await fake[Symbol.asyncDispose]();
});

/** What is said over a socket until a request has ended. */
async function watch(
  { app }: Pick<Awaited<ReturnType<typeof createTestApp>>, "app">,
  body: object,
): Promise<readonly WatchEvent[]> {
  const watcher = await openWatcher(app);
  watcher.send({ id: "a", ...body });
  await watcher.end("a");
  watcher.socket.close();
  await watcher.closed();
  return watcher.events;
}

const prompt: TokenIds = [7, 11, 2, 12, 3, 10, 4, 13];

/** Of the law after a prefix, nats. */
function entropyAfter(prefix: TokenIds): number {
  const logits = Array.from(model.logits(prefix));
  const most = Math.max(...logits);
  const weights = logits.map((logit) => Math.exp(logit - most));
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.reduce((total, weight) => total - (weight / sum) * Math.log(weight / sum), 0);
}

/** Of the laws that each of these tokens was drawn from. */
const entropiesOf = (ids: TokenIds): number[] =>
  ids.map((_, index) => entropyAfter([...prompt, ...ids.slice(0, index)]));

const meanOf = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

type Choice = CompletionResponse["choices"][number];

/** What is told of them holds what they are, and is no wider than what the unknown may hold. */
function expectBounds({ entropy = [], entropy_upper: upper = [] }: Choice, ids: TokenIds): void {
  const exact = entropiesOf(ids);
  expect(entropy).toHaveLength(exact.length);
  expect(upper).toHaveLength(exact.length);
  for (const [index, value] of exact.entries()) {
    expect(entropy[index]).toBeLessThanOrEqual(value + 1e-5);
    expect(upper[index]).toBeGreaterThanOrEqual(value - 1e-5);
    expect(upper[index]! - entropy[index]!).toBeGreaterThan(0.01);
    expect(upper[index]! - entropy[index]!).toBeLessThan(1.5);
  }
}

describe("entropies within bounds", () => {
  it.each([
    { sampler: "standard" },
    { sampler: "standard", temperature: 0.5 },
    { sampler: "low_temperature" },
    { sampler: "power", mcmc_steps: 3, block_size: 4 },
    { sampler: "power", alpha: 2, proposal_temperature: 1, mcmc_steps: 3, block_size: 4 },
    { sampler: "smc", particles: 3 },
  ])("are told as both in answers of %j, the end token's among them", async (fields) => {
    const asked = { prompt, max_tokens: 40, return_token_ids: true, entropy: true, n: 3, seed: 7 };
    const { choices } = await server.complete({ ...asked, ...fields });
    expect(choices.some(({ finish_reason: reason }) => reason === "stop")).toBe(true);
    for (const choice of choices) {
      expectBounds(choice, choice.token_ids!);
      expect(choice.mean_entropy).toBeCloseTo(meanOf(choice.entropy!), 9);
      expect(choice.mean_entropy_upper).toBeCloseTo(meanOf(choice.entropy_upper!), 9);
    }
  });

  it("say so of the first token in the report of power, and in its warning", async () => {
    const asked = { prompt, sampler: "power", block_size: 16, max_tokens: 16, mcmc_steps: 1, n: 8, seed: 3 };
    const { choices } = await server.complete(asked);
    const exact = entropyAfter(prompt);
    for (const { power } of choices) {
      expect(power!.first_token_entropy).toBeLessThan(exact);
      expect(power!.first_token_entropy_upper).toBeGreaterThan(exact);
    }
    const warnings = choices.flatMap(({ power }) => power!.mixing_warning ?? []);
    expect(warnings.join("\n")).toMatch(/unsure of .* \(\d\.\d\d to \d\.\d\d nats\)/);
  });

  it("are told chunk by chunk, and in chats", async () => {
    const asked = { max_tokens: 3, entropy: true, seed: 2, ignore_eos: true };
    const { text } = await server.post("/v1/completions", { prompt, stream: true, ...asked });
    const choices = parseEvents(text).flatMap(({ choices }) => choices as Choice[]);
    const lower = choices.flatMap(({ entropy = [] }) => entropy);
    const upper = choices.flatMap(({ entropy_upper = [] }) => entropy_upper);
    expect(lower).toHaveLength(3);
    expect(upper).toHaveLength(3);
    expect(choices.at(-1)!.mean_entropy_upper).toBeCloseTo(meanOf(upper), 9);
    expect(choices.filter((choice) => choice.mean_entropy_upper !== undefined)).toHaveLength(1);

    const chat = await server.post("/v1/chat/completions", {
      messages: [{ role: "user", content: "7-2=" }],
      ...asked,
    });
    const [answer] = (chat.json() as { choices: Choice[] }).choices;
    expect(answer!.entropy_upper).toHaveLength(3);
    expect(answer!.mean_entropy_upper).toBeGreaterThan(answer!.mean_entropy!);
  });

  it("are not there where nobody asks for entropies", async () => {
    const { choices } = await server.complete({ prompt, max_tokens: 3, seed: 1, logprobs: 1 });
    expect(Object.keys(choices[0]!).filter((name) => name.includes("entropy"))).toEqual([]);
  });

  it("are watched, token by token", async () => {
    const asked = {
      prompt,
      sampler: "power",
      max_tokens: 6,
      block_size: 3,
      mcmc_steps: 2,
      echo: true,
      seed: 4,
    };
    const events = await watch(server, asked);
    const tokensOf = (event: WatchEvent): readonly WatchedToken[] =>
      event.type === "proposal" || event.type === "revision" || event.type === "token" ? event.tokens : [];
    const scored = events.flatMap(tokensOf).filter(({ logprob }) => logprob !== null);
    expect(scored.length).toBeGreaterThan(6);
    for (const { entropy, entropy_upper: upper } of scored) expect(upper).toBeGreaterThan(entropy!);
  });
});

describe("log-probs of the law that tokens were drawn from", () => {
  it.each(["standard", "low_temperature", "greedy", "power", "smc", "maximize"])(
    "are refused of %s, which knows them within bounds",
    async (sampler) => {
      const refused = await server.refuse({
        prompt,
        sampler,
        logprobs: 0,
        logprobs_mode: "sampled",
        seed: 1,
      });
      expect(refused).toMatchObject({ status: 400, code: "unsupported", param: "logprobs_mode" });
    },
  );
});

describe("entropies that are known exactly", () => {
  it("have no bounds, whoever asks", async () => {
    await using local = await createTestApp();
    const body = { prompt: "7-2=", sampler: "power", mcmc_steps: 1, max_tokens: 6, entropy: true, seed: 1 };
    const told = [await local.complete(body), await watch(local, body)];
    expect(JSON.stringify(told)).toContain('"entropy"');
    expect(JSON.stringify(told)).not.toContain("upper");
  });
});
