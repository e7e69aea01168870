import { describe, expect, it } from "vitest";
import { openRemote } from "../../../../src/engine/remote/open-remote.ts";
import type { OpenedRemote, RemoteSettings } from "../../../../src/engine/remote/open-remote.ts";
import { freePort } from "../../../support/free-port.ts";
import { servedToy } from "../../../support/fake-servers/toy.ts";
import { FakeVllm } from "../../../support/fake-servers/vllm.ts";
import type { FakeVllmOptions } from "../../../support/fake-servers/vllm.ts";
import { never } from "../../../support/toy-engine.ts";

const vocabularySize = 90;
const model = servedToy({ seed: 4, vocabularySize });

async function open(server: FakeVllm, changes: Partial<RemoteSettings> = {}, signal = never) {
  const opened: OpenedRemote = await openRemote(
    {
      dialect: "vllm",
      url: server.url,
      maxCalls: 4,
      sessionHeader: "x-session-id",
      vocabularySize,
      ...changes,
    },
    signal,
  );
  return { ...opened, [Symbol.asyncDispose]: () => opened.engine[Symbol.asyncDispose]() };
}

const start = (options: FakeVllmOptions = {}) => new FakeVllm(model, options).start();

describe("a server is found to", () => {
  it.each<[FakeVllmOptions, Partial<OpenedRemote["facts"]>]>([
    [{}, { logprobs: "raw", mostTop: 20 }],
    // A token beyond them takes the place of the last.
    [
      { isScaleOut: true, maxLogprobs: 64 },
      { logprobs: "raw", mostTop: 63 },
    ],
    [{ maxLogprobs: -1 }, { mostTop: 90 }],
    [{ isScaleOut: true, maxLogprobs: -1 }, { mostTop: 90 }],
    [{ maxLogprobs: 1 }, { mostTop: 1 }],
    [{ maxLogprobs: 37 }, { mostTop: 37 }],
    [{ logprobsMode: "processed_logprobs" }, { logprobs: "sampled" }],
    [{ logprobsMode: "processed_logprobs", isScaleOut: true }, { logprobs: "sampled" }],
    [{ logprobsMode: "biased_logprobs" }, { logprobs: "adjusted" }],
    [{ cachedTokens: 16 }, { caches: true }],
    [{ cachedTokens: 0 }, { caches: false }],
    [{ duplicates: true, interval: 4 }, { logprobs: "raw" }],
    [{ noise: 0.05 }, { reproducibility: "approximate" }],
    [{ forgetsEnds: true }, { tellsEnds: false }],
    [{ ignoresSeeds: true }, { seedsRepeat: false }],
    [{ defaults: { temperature: 0.2, top_k: 3, top_p: 0.5, min_p: 0.3 } }, { logprobs: "raw" }],
  ])("%j: %j", async (options, expected) => {
    await using server = await start(options);
    await using opened = await open(server);
    const usual = { seedsRepeat: true, reproducibility: "rounding", tellsEnds: true, aborts: true };
    expect(opened.facts).toMatchObject({ ...usual, ...expected });
    expect(Math.abs(opened.facts.disagreement - (options.noise ?? 0))).toBeLessThan(1e-5);
    const { mostTop, reproducibility } = opened.engine.info.capabilities;
    expect({ mostTop, reproducibility }).toEqual({
      mostTop: opened.facts.mostTop,
      reproducibility: opened.facts.reproducibility,
    });
  });
});

describe("a server is refused that", () => {
  it.each<[string, FakeVllmOptions]>([
    ["draws greedily", { overrides: { temperature: 0 } }],
    ["draws from the two likeliest", { overrides: { top_k: 2 } }],
    ["draws from the 10 likeliest of the 20 it tells", { overrides: { top_k: 10 } }],
    ["draws by top_p .95", { overrides: { top_p: 0.95 } }],
    ["draws by top_p .5", { overrides: { top_p: 0.5 } }],
    ["draws by min_p .05", { overrides: { min_p: 0.05 } }],
    ["draws by one seed alone", { overrides: { seed: 1 } }],
    ["reports logits", { logprobsMode: "raw_logits" }],
    ["reports none of the likeliest", { maxLogprobs: 0 }],
    ["scores another law than it draws by", { noise: 4 }],
  ])("%s, with what mends it", async (_, options) => {
    await using server = await start(options);
    const refused = open(server);
    await expect(refused).rejects.toMatchObject({ code: "unsupported" });
    await expect(refused).rejects.toThrow(/--|pass on|without/);
  });

  it("has not the model that is asked for", async () => {
    await using server = await start();
    await expect(open(server, { model: "other" })).rejects.toMatchObject({ code: "model_not_found" });
  });

  it("does not take the key", async () => {
    await using server = await start();
    server.key = "right";
    await expect(open(server, { key: "wrong" })).rejects.toThrow(/--engine-key/);
    await using opened = await open(server, { key: "right" });
    expect(opened.description.model).toBe("toy");
  });

  it("is no such server", async () => {
    await using server = await start();
    server.hidden.add("/v1/models");
    await expect(open(server)).rejects.toThrow(/--engine-url/);
  });

  it("lists its models as others do, and draws as none of its kind", async () => {
    await using server = await start();
    server.hidden.add("/v1/completions").add("/inference/v1/generate");
    await expect(open(server)).rejects.toThrow(/--engine the kind of server/);
  });

  it("does not answer in time, which is told with what it was waited for", async () => {
    const url = `http://127.0.0.1:${await freePort()}`;
    await using server = await start();
    await expect(open(server, { url }, AbortSignal.timeout(200))).rejects.toMatchObject({
      code: "engine_failed",
      message: expect.stringContaining("ECONNREFUSED") as string,
    });
  });
});

it("waits for a server that starts", async () => {
  await using server = await start();
  server.faults.refuse = { status: 503, times: 2 };
  await using opened = await open(server);
  expect(opened.description.model).toBe("toy");
});
