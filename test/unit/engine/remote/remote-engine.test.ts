import { getEventListeners } from "node:events";
import { setTimeout } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { InferenceError } from "../../../../src/core/errors.ts";
import type { ScoredToken } from "../../../../src/core/tokens.ts";
import type { ExtendRequest } from "../../../../src/engine/engine.ts";
import type { RemoteEngine } from "../../../../src/engine/remote/remote-engine.ts";
import { createVllm } from "../../../../src/engine/remote/vllm.ts";
import type { FakeFaults } from "../../../support/fake-servers/fake-server.ts";
import type { FakeSettings } from "../../../support/fake-servers/open-fake.ts";
import { FakeOpener } from "../../../support/fake-servers/open-fake.ts";
import { servedToy, toyOf } from "../../../support/fake-servers/toy.ts";
import { FakeVllm } from "../../../support/fake-servers/vllm.ts";
import type { FakeVllmOptions } from "../../../support/fake-servers/vllm.ts";
import { Gate } from "../../../support/gate.ts";
import { createToyEngine, never } from "../../../support/toy-engine.ts";
import { createToyModel, logSoftmax } from "../../../support/toy-model.ts";

const vocabularySize = 30;
const toy = createToyModel({ seed: 4, vocabularySize });
const model = toyOf(toy, 400);
const prompt = [1, 2, 3];

const openers = new Map<string, FakeOpener>();
async function open(options: FakeVllmOptions = {}, settings: FakeSettings = {}) {
  const key = JSON.stringify(options);
  const start = () => new FakeVllm(model, options);
  if (!openers.has(key)) openers.set(key, new FakeOpener(createVllm({ vocabularySize }), start));
  const server = await start().start();
  const engine = await openers.get(key)!.open(server, settings);
  return {
    server,
    engine,
    [Symbol.asyncDispose]: async () => {
      await engine[Symbol.asyncDispose]();
      await server.stop();
    },
  };
}

const request = (changes: Partial<ExtendRequest> = {}): ExtendRequest => ({
  prefix: prompt,
  maxTokens: 12,
  endTokens: new Set(),
  sampling: { inverseTemperature: 2 },
  draws: { seed: 1, choice: 0, stage: 0, step: 0 },
  topCount: 0,
  ...changes,
});

async function draw(
  engine: Pick<RemoteEngine, "extend">,
  changes: Partial<ExtendRequest> = {},
  signal = never,
): Promise<ScoredToken[]> {
  const all: ScoredToken[] = [];
  for await (const run of engine.extend(request(changes), signal)) all.push(...run);
  return all;
}

const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => "resolved",
    (error: unknown) => (error instanceof InferenceError ? error.code : String(error)),
  );

/** That tokens have the log p of the model, each given those before it. */
function expectLogprobs(tokens: readonly ScoredToken[], prefix = prompt): void {
  const before = [...prefix];
  for (const { token, logprob } of tokens) {
    expect(logprob).toBeCloseTo(logSoftmax(model.logits(before))[token]!, 5);
    before.push(token);
  }
}

const pathsOf = ({ calls }: FakeVllm): string[] => calls.map(({ path }) => path);
const drawsOf = ({ calls }: FakeVllm) => calls.filter(({ body }) => body.stream === true);

describe("a server that fails", () => {
  it.each<[string, FakeVllmOptions]>([
    ["raw log-probs", {}],
    ["ids", { isScaleOut: true }],
    ["log q", { logprobsMode: "processed_logprobs" }],
    ["several tokens in a message", { interval: 3 }],
  ])("has a call that breaks continued from the last token that came: %s", async (_, options) => {
    await using opened = await open(options);
    opened.server.faults.cut = { after: 5, times: 2 };
    const tokens = await draw(opened.engine);
    expect(tokens).toHaveLength(12);
    expectLogprobs(tokens);
    const drawn = drawsOf(opened.server).filter(({ body }) => body.max_tokens !== 1);
    const prefixes = drawn.map(({ body }) => {
      const params = (body.sampling_params ?? body) as { max_tokens: number };
      return [((body.prompt ?? body.token_ids) as number[]).length, params.max_tokens];
    });
    const came = options.interval === 3 ? 3 : 5;
    // Between the attempts it is asked whether it is still the same server.
    expect(prefixes.filter(([, most]) => most !== 1)).toEqual([
      [3, 12],
      [3 + came, 12 - came],
      [3 + 2 * came, 12 - 2 * came],
    ]);
    // What came before the cut stands as it was drawn.
    const last = drawn.at(-1)!.body;
    const sequence = [...prompt, ...tokens.map(({ token }) => token)];
    expect(sequence.slice(0, 3 + 2 * came)).toEqual(last.prompt ?? last.token_ids);
    expect(opened.engine.health().details.totals.retries).toBe(2);
    expect(opened.engine.health().status).toBe("ok");
  });

  it.each<[string, FakeFaults]>([
    ["429", { refuse: { status: 429, times: 3 } }],
    ["429 that says for how long", { refuse: { status: 429, times: 1, retryAfter: "0" } }],
    ["502", { refuse: { status: 502, times: 2 } }],
    ["503", { refuse: { status: 503, times: 3 } }],
    ["500 a few times", { refuse: { status: 500, times: 2 } }],
  ])("is asked again: %s", async (_, faults) => {
    await using opened = await open();
    opened.server.faults = structuredClone(faults);
    expectLogprobs(await draw(opened.engine));
    expect(opened.engine.health().details.totals.retries).toBeGreaterThan(0);
    opened.server.faults = structuredClone(faults);
    expect(await opened.engine.score([1, 2, 3, 4], { topCount: 0 }, never)).toHaveLength(3);
  });

  it("has a call that falls silent continued by another, and is waited for where it has yet to begin", async () => {
    await using opened = await open({}, { pauseMs: 100 });
    opened.server.faults = { stall: { after: 3, times: 2 } };
    expectLogprobs(await draw(opened.engine));
    expect(drawsOf(opened.server).filter(({ aborted }) => aborted).length).toBeGreaterThanOrEqual(2);
    // Longer than a pause may be.
    let isFirst = true;
    opened.server.faults = {
      onPass: async () => {
        if (isFirst) await setTimeout(400);
        isFirst = false;
      },
    };
    const before = opened.server.calls.length;
    expectLogprobs(await draw(opened.engine));
    expect(opened.server.calls[before]!.drawn).toBeGreaterThan(0);
  });

  it.each([400, 422])("that refuses a call ends this call alone: %d", async (status) => {
    await using opened = await open();
    opened.server.faults.refuse = { status, times: 1, message: "no such prompt" };
    await expect(draw(opened.engine)).rejects.toMatchObject({
      code: "invalid_request",
      message: expect.stringContaining("no such prompt") as string,
    });
    expect(await draw(opened.engine)).toHaveLength(12);
  });

  it("at one call again and again, but at no other, ends this call", async () => {
    await using opened = await open();
    opened.server.faults.isBroken = (prefix) => prefix[0] === 9;
    expect(await codeOf(draw(opened.engine, { prefix: [9, 1] }))).toBe("internal");
    expect(await draw(opened.engine)).toHaveLength(12);
    expect(opened.engine.health().status).toBe("ok");
  });

  it.each([401, 403, 404])("that lets nobody in ends all: %d", async (status) => {
    await using opened = await open();
    opened.server.faults.refuse = { status, times: 1 };
    expect(await codeOf(draw(opened.engine))).toBe("engine_failed");
  });

  it.each([
    ["null", { after: 2, logprob: null }],
    ["−∞", { after: 2, logprob: -9999 }],
    ["above 0", { after: 2, logprob: 2 }],
  ])("to give numbers ends the sequence, with those before it: %s", async (_, writes) => {
    await using opened = await open();
    opened.server.faults.writes = writes;
    const tokens: ScoredToken[] = [];
    const stream = opened.engine.extend(request(), never);
    const reading = async () => {
      for await (const run of stream) tokens.push(...run);
    };
    expect(await codeOf(reading())).toBe("numerical_error");
    expect(tokens).toHaveLength(2);
    opened.server.faults = {};
    expect(await draw(opened.engine)).toHaveLength(12);
  });

  it.each([
    "data: <html>\n\n",
    'data: {"choices": "none"}\n\n',
    'data: {"choices": [{"token_ids": [3]}]}\n\n',
  ])("to speak its dialect is the end: %j", async (garbage) => {
    await using opened = await open();
    opened.server.faults.garbage = garbage;
    expect(await codeOf(draw(opened.engine))).toBe("engine_failed");
  });

  it("is waited for no longer than the request's time", async () => {
    await using opened = await open();
    opened.server.faults.refuse = { status: 503, times: Infinity, retryAfter: "60" };
    const controller = new AbortController();
    const drawing = codeOf(draw(opened.engine, {}, controller.signal));
    const scoring = codeOf(opened.engine.score([1, 2, 3], { topCount: 0 }, controller.signal));
    await expect.poll(() => pathsOf(opened.server).length).toBeGreaterThan(1);
    controller.abort();
    expect(await drawing).toBe("aborted");
    expect(await scoring).toBe("aborted");
  });

  it("is waited for while it restarts, and gone on with", async () => {
    await using opened = await open();
    opened.server.faults.tokenMs = 5;
    const tokens: ScoredToken[] = [];
    let isStopped = false;
    for await (const run of opened.engine.extend(request({ maxTokens: 40 }), never)) {
      tokens.push(...run);
      if (isStopped || tokens.length < 3) continue;
      isStopped = true;
      await opened.server.stop();
      void setTimeout(150).then(() => opened.server.start());
    }
    expect(tokens).toHaveLength(40);
    expectLogprobs(tokens);
    expect(opened.engine.health().status).toBe("ok");
  });

  it.each([
    ["with other weights", { ...servedToy({ seed: 5, vocabularySize }), contextLength: 400 }],
    ["with another name", { ...model, name: "another" }],
    ["with another context", { ...model, contextLength: 128 }],
  ])("and comes back %s is noticed", async (_, other) => {
    await using opened = await open();
    opened.server.faults.tokenMs = 5;
    const stream = opened.engine.extend(request({ maxTokens: 300 }), never)[Symbol.asyncIterator]();
    await stream.next();
    await opened.server.stop();
    opened.server.model = other;
    await opened.server.start();
    const reading = async () => {
      while ((await stream.next()).done !== true);
    };
    await expect(reading()).rejects.toMatchObject({
      code: "engine_failed",
      message: expect.stringContaining("no longer serves the model") as string,
    });
    expect(opened.engine.health()).toMatchObject({ status: "failed" });
    expect(await codeOf(draw(opened.engine))).toBe("engine_failed");
    expect(await codeOf(opened.engine.score([1, 2], { topCount: 0 }, never))).toBe("engine_failed");
  });

  it("and comes back with another model while nothing was asked is noticed", async () => {
    await using opened = await open();
    await draw(opened.engine);
    await opened.server.stop();
    // No server is back within a turn of the event loop.
    await setTimeout(20);
    opened.server.model = { ...servedToy({ seed: 5, vocabularySize }), contextLength: 400 };
    await opened.server.start();
    expect(await codeOf(draw(opened.engine))).toBe("engine_failed");
  });
});

describe("calls", () => {
  it("are so many ahead of what is pulled, then end, and go on when more is", async () => {
    await using opened = await open();
    const stream = opened.engine.extend(request({ maxTokens: 300 }), never)[Symbol.asyncIterator]();
    const tokens: ScoredToken[] = [];
    const pull = async () => {
      const { value } = await stream.next();
      tokens.push(...value!);
    };
    await pull();
    await expect.poll(() => drawsOf(opened.server)[0]!.aborted).toBe(true);
    expect(drawsOf(opened.server)[0]!.drawn).toBeLessThan(200);
    expect(opened.engine.health().details.calls.open).toBe(0);
    while (tokens.length < 300) await pull();
    expect((await stream.next()).done).toBe(true);
    expectLogprobs(tokens);
  });

  it("end at once where their reader leaves", async () => {
    await using opened = await open();
    opened.server.faults.tokenMs = 2;
    for await (const _ of opened.engine.extend(request({ maxTokens: 300 }), never)) break;
    await expect.poll(() => drawsOf(opened.server)[0]!.aborted).toBe(true);
    expect(drawsOf(opened.server)[0]!.drawn).toBeLessThan(40);
    expect(opened.engine.health().details.totals.aborts).toBe(1);
    expect(opened.engine.health().details.sequences.open).toBe(0);
  });

  it("that are through give their connection back", async () => {
    await using opened = await open();
    for (let time = 0; time < 10; time++) await draw(opened.engine, { maxTokens: 2 });
    await expect.poll(() => opened.engine.health().details.calls.open).toBe(0);
    expect(opened.server.connections).toBeLessThanOrEqual(3);
    expect(opened.engine.health().details.totals.aborts).toBe(0);
  });

  it("are never more at once than they may be", async () => {
    await using opened = await open({}, { maxCalls: 3 });
    let most = 0;
    opened.server.faults.onPass = () => {
      most = Math.max(most, opened.server.running);
    };
    const all = Array.from({ length: 12 }, (_, choice) =>
      draw(opened.engine, { draws: { ...request().draws, choice } }),
    );
    await expect.poll(() => opened.engine.health().details.sequences.waiting).toBeGreaterThan(0);
    expect((await Promise.all(all)).map(({ length }) => length)).toEqual(Array(12).fill(12));
    expect(most).toBe(3);
  });

  it("make room for another client, and for what is urgent, after a turn", async () => {
    await using opened = await open();
    opened.server.faults.tokenMs = 1;
    const shareOf = (client: string, priority: "interactive" | "batch") => ({
      client,
      request: client,
      priority,
    });
    for (const priority of ["interactive", "batch"] as const) {
      const lengths = [0, 0];
      const long = lengths.map(async (_, index) => {
        const share = shareOf("a", priority);
        const draws = { ...request().draws, choice: index };
        for await (const run of opened.engine.extend(request({ maxTokens: 300, share, draws }), never))
          lengths[index]! += run.length;
      });
      await expect.poll(() => opened.engine.health().details.calls.open).toBe(2);
      await draw(opened.engine, { share: shareOf("b", "interactive") });
      expect(Math.min(...lengths)).toBeLessThan(300);
      await Promise.all(long);
      expect(lengths).toEqual([300, 300]);
    }
  });

  it("leave nothing on the request's signal", async () => {
    await using opened = await open();
    const { signal } = new AbortController();
    await draw(opened.engine, {}, signal);
    await opened.engine.score([1, 2, 3], { topCount: 0 }, signal);
    for await (const _ of opened.engine.extend(request({ maxTokens: 300 }), signal)) break;
    await expect.poll(() => getEventListeners(signal, "abort")).toHaveLength(0);
  });

  it("have each a seed of their own, the same for the same address", async () => {
    const seedsOf = async (changes: Partial<ExtendRequest>, faults: FakeFaults = {}): Promise<unknown[]> => {
      await using opened = await open();
      opened.server.faults = faults;
      await draw(opened.engine, changes);
      return drawsOf(opened.server)
        .filter(({ body }) => body.max_tokens !== 1)
        .map(({ body }) => body.seed);
    };
    const first = await seedsOf({});
    expect(await seedsOf({})).toEqual(first);
    const cut = await seedsOf({}, { cut: { after: 3, times: 2 } });
    const others = await Promise.all([
      seedsOf({ draws: { ...request().draws, choice: 1 } }),
      seedsOf({ draws: { ...request().draws, step: 1 } }),
      seedsOf({ draws: { ...request().draws, branch: 1 } }),
      seedsOf({ draws: { ...request().draws, seed: 2 } }),
      seedsOf({ prefix: [...prompt, 5] }),
    ]);
    expect(cut).toHaveLength(3);
    const all = [...cut, ...others.flat()];
    expect(new Set(all).size).toBe(all.length);
    expect(all).toContain(first[0]);
    for (const seed of all) expect(seed).toBeLessThan(2 ** 31);
  });

  it("of one prompt name one session, those of another one another", async () => {
    await using opened = await open();
    await draw(opened.engine, { promptLength: 3 });
    await draw(opened.engine, { promptLength: 3, prefix: [...prompt, 7, 8] });
    await draw(opened.engine, { promptLength: 3, prefix: [1, 2, 4] });
    const sessions = drawsOf(opened.server).map(({ headers }) => headers["x-session-id"]);
    expect(sessions[0]).toMatch(/^[0-9a-f]{32}$/);
    expect(sessions[1]).toBe(sessions[0]);
    expect(sessions[2]).not.toBe(sessions[0]);
  });

  it("carry the key", async () => {
    await using opened = await open({}, { key: "sk-1" });
    opened.server.key = "sk-1";
    expect(await draw(opened.engine)).toHaveLength(12);
    opened.server.key = "sk-2";
    const refused = draw(opened.engine);
    await expect(refused).rejects.toMatchObject({ code: "engine_failed" });
    await expect(refused).rejects.not.toThrow(/sk-1/);
  });

  it("tell what they took, by how many are under way", async () => {
    await using opened = await open({ cachedTokens: 1 });
    opened.server.faults.tokenMs = 1;
    expect(opened.engine.load().passMs(1)).toBe(0);
    await draw(opened.engine);
    await expect.poll(() => opened.engine.health().details.calls.open).toBe(0);
    expect(opened.engine.load()).toMatchObject({ lanes: 2, pulled: 0, aloneGain: 1 });
    expect(opened.engine.load().passMs(1)).toBeGreaterThan(0);
    const { totals, tokenTimes, server } = opened.engine.health().details;
    expect(totals).toMatchObject({ calls: 1, drawnTokens: 12, promptTokens: 3, cachedTokens: 1 });
    expect(totals.callMs).toBeGreaterThan(0);
    expect(tokenTimes.map(({ calls }) => calls)).toEqual([1, 2]);
    expect(server).toEqual({ dialect: "vllm", url: opened.server.url, model: "toy" });
  });
});

describe("adjustments", () => {
  const greedy = { inverseTemperature: 1, topK: 1 };
  const terms = [
    [
      "bias",
      {
        bias: new Map([
          [4, 1.5],
          [9, -3],
        ]),
      },
    ],
    ["repetition_penalty", { repetitionPenalty: 1.8 }],
    ["frequency_penalty", { frequencyPenalty: 0.7 }],
    ["presence_penalty", { presencePenalty: 1.1 }],
    ["both of them and a bias", { frequencyPenalty: 0.4, presencePenalty: 0.9, bias: new Map([[4, 2]]) }],
    ["min_tokens", { forbidden: { tokens: [29, 4, 7, 12, 20], until: 7 } }],
  ] as const;

  it.each(
    terms.flatMap(([name, adjustments]) =>
      ([3, 5] as const).flatMap((length) =>
        [false, true].map(
          (cuts) => [name, length, cuts ? "with calls that break" : "whole", adjustments] as const,
        ),
      ),
    ),
  )("mean what they mean here: %s, after %d tokens, %s", async (_, length, how, changes) => {
    await using local = createToyEngine({ model: toy, lanes: 1 });
    await using opened = await open();
    if (how !== "whole") opened.server.faults.cut = { after: 2, times: 3 };
    const prefix = [1, 2, 3, 4, 9].slice(0, length);
    const sampling = { ...greedy, adjustments: { ...changes, promptLength: 3 } };
    const expected = await draw(local, { prefix, sampling });
    const tokens = await draw(opened.engine, { prefix, sampling });
    expect(tokens.map(({ token }) => token)).toEqual(expected.map(({ token }) => token));
    expectLogprobs(tokens, prefix);
  });

  it.each([
    ["repetition_penalty", { repetitionPenalty: 1.2, frequencyPenalty: 1 }, 1],
    ["temperature", undefined, 0.4],
    ["temperature", undefined, 101],
  ] as const)(
    "and temperatures that the server has no terms for are refused: %s",
    async (param, given, inverse) => {
      await using opened = await open();
      const adjustments = given === undefined ? {} : { adjustments: { ...given, promptLength: 3 } };
      await expect(
        draw(opened.engine, { sampling: { inverseTemperature: inverse, ...adjustments } }),
      ).rejects.toMatchObject({ code: "unsupported", param });
      expect(drawsOf(opened.server)).toHaveLength(0);
    },
  );
});

it("ends with an engine's disposal, calls and connections alike", async () => {
  const server = await new FakeVllm(model).start();
  const engine = await openers.get("{}")!.open(server);
  const gate = new Gate();
  server.faults.onPass = gate.onStep;
  const drawing = codeOf(draw(engine, { maxTokens: 300 }));
  const scoring = codeOf(engine.score([1, 2, 3], { topCount: 0 }, never));
  await expect.poll(() => server.running).toBeGreaterThan(0);
  await engine[Symbol.asyncDispose]();
  expect(await drawing).toBe("shutting_down");
  expect(await scoring).toBe("shutting_down");
  gate.open();
  await expect.poll(() => server.running).toBe(0);
  expect(await codeOf(draw(engine))).toBe("shutting_down");
  await server.stop();
});

it("knows log Z where the server reports log q", async () => {
  await using opened = await open({ logprobsMode: "processed_logprobs" });
  for (const inverseTemperature of [4, 2, 1, 0.8]) {
    const before = [...prompt];
    for (const { token, logprob, logNormalizer, logNormalizerGap } of await draw(opened.engine, {
      sampling: { inverseTemperature },
    })) {
      const law = logSoftmax(model.logits(before));
      const logZ = Math.log(law.reduce((sum, log) => sum + Math.exp(inverseTemperature * log), 0));
      expect(logprob).toBeCloseTo(law[token]!, 5);
      expect(logNormalizer).toBeCloseTo(logZ, 4);
      expect(logNormalizerGap).toBeUndefined();
      before.push(token);
    }
  }
});
