import { describe, expect, it } from "vitest";
import type { ScoredToken } from "../../../../src/core/tokens.ts";
import { openRemote } from "../../../../src/engine/remote/open-remote.ts";
import { createSglang } from "../../../../src/engine/remote/sglang.ts";
import type { Sampling } from "../../../../src/sampling/distribution.ts";
import { openDialect } from "../../../support/fake-servers/open-dialect.ts";
import { FakeSglang } from "../../../support/fake-servers/sglang.ts";
import type { FakeSglangOptions } from "../../../support/fake-servers/sglang.ts";
import { servedToy, toyOf } from "../../../support/fake-servers/toy.ts";
import { never } from "../../../support/toy-engine.ts";
import { createToyModel, logSoftmax } from "../../../support/toy-model.ts";

const vocabularySize = 30;
const model = servedToy({ seed: 4, vocabularySize });
const prefix = [1, 2, 3];
const open = (options: FakeSglangOptions = {}) =>
  openDialect(new FakeSglang(model, { isDeterministic: true, ...options }), createSglang({ vocabularySize }));

describe("SGLang", () => {
  it.each([
    ["all that came before in every message", {}],
    ["each token once", { isIncremental: true }],
    ["several tokens in a message", { interval: 3 }],
    ["several, each once", { isIncremental: true, interval: 3 }],
  ])("tells %s", async (_, options) => {
    await using plain = await open();
    await using opened = await open(options);
    expect(await opened.draw()).toEqual(await plain.draw());
  });

  it("is asked for a part of what is long, since its messages repeat themselves", async () => {
    const long = toyOf(createToyModel({ seed: 4, vocabularySize }), 400);
    await using opened = await openDialect(new FakeSglang(long), createSglang({ vocabularySize }));
    expect(await opened.draw({ maxTokens: 200 })).toHaveLength(64);
  });

  it("reports log q, and scores log p", async () => {
    await using opened = await open();
    const drawn = await opened.draw({ sampling: { inverseTemperature: 4 } });
    const tokens = [...prefix, ...drawn.map(({ token }) => token)];
    const scores = await opened.score(tokens, prefix.length);
    for (const [index, { logprob }] of drawn.entries()) {
      const law = logSoftmax(model.logits(tokens.slice(0, prefix.length + index)));
      const cold = logSoftmax(Float32Array.from(law, (log) => 4 * log));
      expect(logprob).toBeCloseTo(cold[tokens[prefix.length + index]!]!, 4);
      expect(scores[index]!.logprob).toBeCloseTo(law[tokens[prefix.length + index]!]!, 5);
    }
  });

  it("scores the last token of the vocabulary, which it tells as another", async () => {
    await using opened = await open();
    const [score] = await opened.score([...prefix, vocabularySize - 1], prefix.length);
    const law = logSoftmax(model.logits(prefix));
    expect(score).toMatchObject({ token: vocabularySize - 1 });
    expect(score!.logprob).toBeCloseTo(law[vocabularySize - 1]!, 5);
  });

  it("is told to ignore its end where nothing ends a call, else to end there too", async () => {
    const [first] = await (await open()).draw();
    await using opened = await open({ endToken: first!.token });
    expect(await opened.draw()).toHaveLength(8);
    expect(await opened.draw({ endTokens: [first!.token] })).toHaveLength(1);
    const other = first!.token === 0 ? 1 : 0;
    expect(await opened.draw({ endTokens: [other] })).toHaveLength(1);
  });

  it.each([
    ["draws", { prefix: [1, vocabularySize] }],
    ["draws without it", { without: [vocabularySize] }],
    [
      "draws with a bias for it",
      { sampling: { inverseTemperature: 1, adjustments: { bias: new Map([[99, 1]]), promptLength: 0 } } },
    ],
  ] as const)("is not asked with an id beyond the vocabulary, which would end it: %s", async (_, changes) => {
    await using opened = await open();
    await expect(opened.draw(changes)).rejects.toMatchObject({ code: "invalid_request" });
    expect(() => opened.score([1, vocabularySize], 1)).toThrow(/outside the vocabulary/);
    expect(opened.server.calls).toHaveLength(0);
  });

  it.each([
    ["gone on with", {}, { retryable: true }],
    ["the request's fault", { status: 400 }, { retryable: false, message: "The server says: Aborted" }],
    ["for another time", { status: 503 }, { retryable: true, status: 503 }],
  ])("gives a request up: %s", async (_, how, expected) => {
    await using opened = await open({ givesUp: { after: 3, ...how } });
    await expect(opened.draw()).rejects.toMatchObject(expected);
  });
});

describe("opening an SGLang server", () => {
  async function opening(options: FakeSglangOptions) {
    await using server = await new FakeSglang(model, options).start();
    const settings = { url: server.url, maxCalls: 4, sessionHeader: "x-session-id", vocabularySize };
    const opened = await openRemote({ dialect: "sglang", ...settings });
    await opened.engine[Symbol.asyncDispose]();
    return opened;
  }

  it.each([
    ["log q", {}, "sampled", /law that it draws from/],
    ["log q of the likeliest", { mostTop: 20 }, "sampled", /law that it draws from/],
    ["log p but for biases", { isOriginal: true }, "adjusted", /after logit_bias/],
  ] as const)("measures what it reports: %s", async (_, options, logprobs, note) => {
    const { facts, notes, engine } = await opening(options);
    expect(facts).toMatchObject({
      logprobs,
      seedsRepeat: false,
      tellsEnds: true,
      aborts: true,
      caches: true,
    });
    expect(facts.disagreement).toBeLessThan(1e-5);
    expect(notes.join()).toMatch(note);
    // Its prompts are shorter than its context, and what is scored is one.
    expect(engine.info.maxLength).toBe(57);
  });

  it("measures whether seeds count", async () => {
    expect((await opening({ isDeterministic: true })).facts.seedsRepeat).toBe(true);
  });

  it.each([
    ["truncates", { overrides: { top_k: 3 } }, /likeliest tokens alone/],
    [
      "draws at its own temperature",
      { isOriginal: true, overrides: { temperature: 1 } },
      /another temperature/,
    ],
    ["draws the same whatever the seed", { isDeterministic: true, overrides: { sampling_seed: 1 } }, /seed/],
    ["tells none of the likeliest", { mostTop: 0 }, /none of the likeliest/],
    [
      "takes what its model would not have drawn",
      { settings: { speculative_algorithm: "EAGLE", speculative_accept_threshold_acc: 0.9 } },
      /--speculative-accept-threshold-acc 1/,
    ],
  ] as const)("is refused where it %s", async (_, options, message) => {
    await expect(opening(options)).rejects.toMatchObject({ code: "unsupported", message });
  });

  it("goes well where it drafts and takes what its model would have drawn", async () => {
    const settings = { speculative_algorithm: "EAGLE", speculative_accept_threshold_acc: 1 };
    expect((await opening({ settings })).facts.logprobs).toBe("sampled");
  });
});

describe("an engine over SGLang", () => {
  const opened = async (options: FakeSglangOptions) => {
    const server = await new FakeSglang(model, options).start();
    const settings = { url: server.url, maxCalls: 4, sessionHeader: "x-session-id", vocabularySize };
    const { engine } = await openRemote({ dialect: "sglang", ...settings });
    const draw = async (sampling: Sampling, without: readonly number[] = []): Promise<ScoredToken[]> => {
      const all: ScoredToken[] = [];
      const request = {
        prefix,
        maxTokens: 5,
        endTokens: new Set<number>(),
        sampling,
        without,
        draws: { seed: 1, choice: 0, stage: 0, step: 0 },
        topCount: 0,
      };
      for await (const run of engine.extend(request, never)) all.push(...run);
      return all;
    };
    const stop = async (): Promise<void> => {
      await engine[Symbol.asyncDispose]();
      await server.stop();
    };
    return { server, engine, draw, [Symbol.asyncDispose]: stop };
  };
  /** log p of a token, and log Z, as enumerated. */
  const known = (before: readonly number[], token: number, b: number) => {
    const law = logSoftmax(model.logits(before));
    return { logprob: law[token]!, logZ: Math.log(law.reduce((sum, log) => sum + Math.exp(b * log), 0)) };
  };

  it("knows log Z exactly where it reports log q", async () => {
    await using engine = await opened({ mostTop: 5 });
    const before = [...prefix];
    for (const { token, logprob, logNormalizer, logNormalizerGap } of await engine.draw({
      inverseTemperature: 4,
    })) {
      const { logprob: log, logZ } = known(before, token, 4);
      expect(logprob).toBeCloseTo(log, 5);
      expect(logNormalizer).toBeCloseTo(logZ, 4);
      expect(logNormalizerGap ?? 0).toBe(0);
      before.push(token);
    }
  });

  it.each([
    ["log q", {}],
    ["log p but for biases", { isOriginal: true }],
  ])("tells log p of what it draws under a bias, or without some: %s", async (_, options) => {
    await using engine = await opened(options);
    const adjustments = { bias: new Map([[3, 6]]), promptLength: prefix.length };
    const without = [...logSoftmax(model.logits(prefix)).entries()]
      .filter(([id]) => id < 20)
      .map(([id]) => id);
    for (const tokens of [
      await engine.draw({ inverseTemperature: 2, adjustments }),
      await engine.draw({ inverseTemperature: 2 }, without),
    ]) {
      const before = [...prefix];
      for (const { token, logprob } of tokens) {
        expect(logprob).toBeCloseTo(known(before, token, 2).logprob, 4);
        before.push(token);
      }
    }
  });

  it("refuses top_p beside another truncation, which is of other tokens there", async () => {
    await using engine = await opened({});
    for (const other of [{ topK: 3 }, { minP: 0.1 }]) {
      await expect(engine.draw({ inverseTemperature: 1, topP: 0.5, ...other })).rejects.toMatchObject({
        code: "unsupported",
        param: "top_p",
      });
    }
    expect(await engine.draw({ inverseTemperature: 1, topP: 0.5, topK: 1 })).toHaveLength(5);
    expect(await engine.draw({ inverseTemperature: 1, minP: 0.1, topK: 3 })).toHaveLength(5);
    await expect(
      engine.draw({ inverseTemperature: 1, adjustments: { repetitionPenalty: 2, promptLength: 3 } }),
    ).rejects.toMatchObject({ code: "unsupported", param: "repetition_penalty" });
  });

  it.each([
    ["while it was away", true],
    ["under way", false],
  ])("notices weights that were changed %s", async (_, isAway) => {
    await using engine = await opened({});
    if (isAway) await engine.server.stop();
    engine.server.options = { weightVersion: "step-2" };
    if (isAway) await engine.server.start();
    await expect(engine.draw({ inverseTemperature: 1 })).rejects.toMatchObject({
      code: "engine_failed",
      message: /no longer serves the model/,
    });
  });
});
