import { describe, expect, it } from "vitest";
import { embeddedModel } from "../../../src/assembly/embedded-model.ts";
import type { GenerateRequest } from "../../../src/decoder/completer.ts";
import { LocalCompleter } from "../../../src/decoder/local-completer.ts";
import { readModelFolder } from "../../../src/decoder/model-folder.ts";
import type { EngineCapabilities } from "../../../src/engine/engine.ts";
import { MemoStore } from "../../../src/engine/memo/memo-store.ts";
import { createTestApp } from "../../support/embedded.ts";
import type { SamplerSettings } from "../../../src/samplers/registry.ts";
import { MinimalEngine } from "../../support/minimal-engine.ts";
import { never } from "../../support/toy-engine.ts";
import { createToyModel } from "../../support/toy-model.ts";

/** The minimal engine, with what it says of itself changed. */
async function open(changes: Partial<EngineCapabilities> = {}): Promise<LocalCompleter> {
  const engine = new MinimalEngine(createToyModel({ vocabularySize: 18 }));
  Object.assign(engine.info.capabilities, changes);
  return new LocalCompleter(await readModelFolder(embeddedModel), engine, {
    earlyRejection: true,
    prefetch: true,
    memo: new MemoStore(1_000_000),
  });
}

const chain = { mcmcSteps: 2, blockSize: 2, proposalTemperature: 1, schedule: "full" } as const;
const power = { sampler: "power", alpha: 4, ...chain } as const;

async function ask(completer: LocalCompleter, settings: SamplerSettings): Promise<number> {
  const request: GenerateRequest = {
    prompt: [0, 1],
    settings,
    maxTokens: 4,
    ignoreEnd: true,
    stop: [],
    seed: 1,
    choice: 0,
    topCount: 0,
  };
  let tokens = 0;
  for await (const event of completer.complete(request, never))
    if (event.type === "text") tokens += event.tokens.length;
  return tokens;
}

describe("a completer over an engine that lacks everything optional", () => {
  it("answers what asks for nothing of it", async () => {
    await using completer = await open();
    expect(await ask(completer, { sampler: "standard", temperature: 0.5 })).toBe(4);
    expect(await ask(completer, { sampler: "low_temperature", alpha: 4 })).toBe(4);
    expect(await ask(completer, { ...chain, sampler: "maximize", proposalTemperature: 0.5 })).toBe(4);
    expect(await completer.health()).toMatchObject({ status: "ok", memo: { prompts: 0 } });
  });

  it.each<[SamplerSettings, string]>([
    [power, "sampler"],
    [{ sampler: "smc", alpha: 4, particles: 2, proposalTemperature: 1 }, "sampler"],
    [{ sampler: "greedy" }, "top_k"],
    [{ sampler: "standard", temperature: 1, topP: 0.5 }, "top_p"],
    [{ sampler: "standard", temperature: 1, minTokens: 2 }, "min_tokens"],
    [
      {
        sampler: "standard",
        temperature: 1,
        adjustments: { bias: new Map(), frequencyPenalty: 1, presencePenalty: 0, repetitionPenalty: 1 },
      },
      "frequency_penalty",
    ],
  ])("refuses %j by name", async (settings, param) => {
    await using completer = await open();
    await expect(ask(completer, settings)).rejects.toMatchObject({ code: "unsupported", param });
  });

  it("refuses a cut by entropy where log Z is exact and entropy unknown", async () => {
    await using completer = await open({ logNormalizer: "exact" });
    await expect(ask(completer, { ...power, cut: "entropy" })).rejects.toMatchObject({
      code: "unsupported",
      param: "cut",
    });
  });

  it("reports no entropy of a chain's first token where log Z is exact and entropy unknown", async () => {
    await using server = await createTestApp({ completer: await open({ logNormalizer: "exact" }) });
    const answer = await server.complete({
      prompt: "1+1=",
      max_tokens: 4,
      sampler: "power",
      proposal_temperature: 1,
    });
    expect(answer.choices[0]!.power).toMatchObject({ first_token_entropy: null, mixing_warning: null });
  });

  it("has its refusals told over HTTP, and serves its metrics and health", async () => {
    await using server = await createTestApp({ completer: await open() });
    const { app } = server;
    const post = async (body: object): Promise<unknown> =>
      (await server.post("/v1/completions", { prompt: "1+1=", max_tokens: 4, ...body })).json();
    const refusals = [
      [{ sampler: "power" }, "sampler"],
      [{ entropy: true }, "entropy"],
      [{ logprobs: 2 }, "logprobs"],
      [{ logprobs: 0, logprobs_mode: "sampled", temperature: 0.5 }, "logprobs_mode"],
      [{ echo: true, logprobs: 0 }, "echo"],
      [{ logit_bias: { "3": 1 } }, "logit_bias"],
    ] as const;
    for (const [body, param] of refusals)
      expect(await post(body)).toMatchObject({ error: { code: "unsupported", param } });
    expect(await post({ logprobs: 0 })).toMatchObject({
      choices: [{ finish_reason: expect.any(String) as unknown }],
    });
    const health = await app.inject({ url: "/health" });
    expect(health.json()).toEqual({
      status: "ok",
      started_at: expect.any(Number) as unknown,
      evaluated_tokens: expect.any(Number) as unknown,
      evaluatedTokens: expect.any(Number) as unknown,
      memo: { bytes: 0, max_bytes: 1_000_000, maxBytes: 1_000_000, prompts: 0 },
    });
    expect((await app.inject({ url: "/metrics" })).body).toContain("metropolis_forward_passes_total 0");
  });
});
