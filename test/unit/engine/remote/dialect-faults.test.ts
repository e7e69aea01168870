import { setTimeout } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import type { ScoredToken } from "../../../../src/core/tokens.ts";
import type { Dialect } from "../../../../src/engine/remote/dialect.ts";
import { createLlamaCpp } from "../../../../src/engine/remote/llamacpp.ts";
import type { RemoteEngine } from "../../../../src/engine/remote/remote-engine.ts";
import { createSglang } from "../../../../src/engine/remote/sglang.ts";
import type { FakeFaults, FakeServer } from "../../../support/fake-servers/fake-server.ts";
import { FakeLlamaCpp } from "../../../support/fake-servers/llamacpp.ts";
import { FakeOpener } from "../../../support/fake-servers/open-fake.ts";
import { FakeSglang } from "../../../support/fake-servers/sglang.ts";
import { servedToy, toyOf } from "../../../support/fake-servers/toy.ts";
import { never } from "../../../support/toy-engine.ts";
import { createToyModel, logSoftmax } from "../../../support/toy-model.ts";

const vocabularySize = 30;
const toy = createToyModel({ seed: 4, vocabularySize });
const model = toyOf(toy, 200);
const prompt = [1, 2, 3];
const length = 12;

interface Served {
  readonly name: string;
  readonly dialect: Dialect;
  readonly start: () => FakeServer;
}
const sglang = createSglang({ vocabularySize });
const servers: readonly Served[] = [
  {
    name: "llama.cpp",
    dialect: createLlamaCpp(),
    start: () => new FakeLlamaCpp(model, { parts: [2, 9, 17] }),
  },
  { name: "SGLang with log q", dialect: sglang, start: () => new FakeSglang(model, { endToken: 5 }) },
  { name: "SGLang with log p", dialect: sglang, start: () => new FakeSglang(model, { isOriginal: true }) },
];

async function draw(engine: RemoteEngine, signal = never): Promise<ScoredToken[]> {
  const request = {
    prefix: prompt,
    maxTokens: length,
    endTokens: new Set<number>(),
    sampling: { inverseTemperature: 2 },
    draws: { seed: 1, choice: 0, stage: 0, step: 0 },
    topCount: 0,
  };
  const all: ScoredToken[] = [];
  for await (const run of engine.extend(request, signal)) all.push(...run);
  return all;
}

/** That each token comes with the model's own log p, and a log Z that may be. */
function expectWhole(tokens: readonly ScoredToken[]): void {
  expect(tokens).toHaveLength(length);
  const before = [...prompt];
  for (const { token, logprob, logNormalizer, logNormalizerGap = 0 } of tokens) {
    const law = logSoftmax(toy.logits(before));
    expect(logprob).toBeCloseTo(law[token]!, 4);
    const logZ = Math.log(law.reduce((sum, log) => sum + Math.exp(2 * log), 0));
    expect(logNormalizer).toBeGreaterThan(logZ - 1e-4);
    expect(logNormalizer - logNormalizerGap).toBeLessThan(logZ + 1e-4);
    before.push(token);
  }
}

describe.each(servers)("an engine over $name", ({ dialect, start }) => {
  const opener = new FakeOpener(dialect, start);
  const open = async (faults: FakeFaults = {}) => {
    const server = await start().start();
    const engine = await opener.open(server);
    server.faults = structuredClone(faults);
    const dispose = async (): Promise<void> => {
      await engine[Symbol.asyncDispose]();
      await server.stop();
    };
    return { server, engine, [Symbol.asyncDispose]: dispose };
  };

  it.each<[string, FakeFaults]>([
    ["is cut off", { cut: { after: 3, times: 2 } }],
    ["is cut off before a token", { cut: { after: 0, times: 1 } }],
    ["is busy", { refuse: { status: 429, times: 2 } }],
    ["starts", { refuse: { status: 503, times: 1 } }],
  ])("goes on where the server %s", async (_, faults) => {
    await using opened = await open(faults);
    expectWhole(await draw(opened.engine));
  });

  it("goes on where the server restarts", async () => {
    await using opened = await open({ tokenMs: 5 });
    const drawing = draw(opened.engine);
    await setTimeout(25);
    await opened.server.stop();
    await setTimeout(20);
    await opened.server.start();
    expectWhole(await drawing);
  });

  it.each([
    ["another model", { ...servedToy({ seed: 5, vocabularySize }), contextLength: 200 }],
    ["a model of another name", { ...model, name: "other" }],
    ["the model with less room", { ...model, contextLength: 100 }],
  ])("ends where the server comes back with %s", async (_, other) => {
    await using opened = await open();
    await draw(opened.engine);
    await opened.server.stop();
    // Until its end was heard of.
    await setTimeout(20);
    opened.server.model = other;
    await opened.server.start();
    await expect(draw(opened.engine)).rejects.toMatchObject({ code: "engine_failed" });
    expect(opened.engine.health().status).toBe("failed");
  });

  it.each<[string, FakeFaults, string]>([
    ["garbage", { garbage: "data: <html>\n\n" }, "engine_failed"],
    ["null", { writes: { after: 2, logprob: null } }, "numerical_error"],
    ["what is above 0", { writes: { after: 0, logprob: 2 } }, "numerical_error"],
    ["a refusal", { refuse: { status: 400, times: 99, message: "no" } }, "invalid_request"],
  ])("takes %s for no answer", async (_, faults, code) => {
    await using opened = await open(faults);
    await expect(draw(opened.engine)).rejects.toMatchObject({ code });
  });

  it("gives a server no longer than the request has", async () => {
    await using opened = await open({ refuse: { status: 503, times: 1000 } });
    await expect(draw(opened.engine, AbortSignal.timeout(150))).rejects.toMatchObject({ code: "aborted" });
  });
});
