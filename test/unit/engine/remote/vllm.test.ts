import { describe, expect, it } from "vitest";
import { Connection } from "../../../../src/engine/remote/connection.ts";
import type { DrawCall, ReportedToken } from "../../../../src/engine/remote/dialect.ts";
import { createVllm } from "../../../../src/engine/remote/vllm.ts";
import { logSoftmax } from "../../../support/toy-model.ts";
import { never } from "../../../support/toy-engine.ts";
import type { FakeFaults } from "../../../support/fake-servers/fake-server.ts";
import { servedToy } from "../../../support/fake-servers/toy.ts";
import { FakeVllm } from "../../../support/fake-servers/vllm.ts";
import type { FakeVllmOptions } from "../../../support/fake-servers/vllm.ts";

const vocabularySize = 30;
const model = servedToy({ seed: 4, vocabularySize, scale: 8 });
const prefix = [1, 2, 3];

async function open(options: FakeVllmOptions = {}, faults: FakeFaults = {}) {
  const server = await new FakeVllm(model, options, faults).start();
  const connection = new Connection({ url: server.url, sessionHeader: "x-session-id", mostSockets: 4 });
  const dialect = createVllm({ vocabularySize });
  const description = await dialect.describe(connection, undefined, never);
  const draw = async (changes: Partial<DrawCall> = {}): Promise<ReportedToken[]> => {
    const call: DrawCall = {
      model: description.model,
      session: "a",
      prefix,
      maxTokens: 8,
      endTokens: [],
      sampling: { inverseTemperature: 2 },
      without: [],
      seed: 7,
      topCount: 5,
      ...changes,
    };
    const all: ReportedToken[] = [];
    for await (const tokens of dialect.draw(connection, call, never)) all.push(...tokens);
    return all;
  };
  return {
    server,
    connection,
    dialect,
    description,
    draw,
    [Symbol.asyncDispose]: async () => {
      await connection[Symbol.asyncDispose]();
      await server.stop();
    },
  };
}

describe.each([
  ["/v1/completions", {}],
  ["/inference/v1/generate", { isScaleOut: true }],
] as const)("vLLM's dialect by %s", (door, options) => {
  it("describes the server", async () => {
    await using opened = await open(options);
    expect(opened.description).toMatchObject({ model: "toy", contextLength: 64, version: "0.0.0+fake" });
    expect(opened.description.notes).toHaveLength(door === "/v1/completions" ? 1 : 0);
    await expect(opened.dialect.describe(opened.connection, "other", never)).rejects.toMatchObject({
      code: "model_not_found",
      param: "model",
    });
  });

  it.each([
    ["as they come", {}],
    ["several in a message", { interval: 3 }],
    ["with the token itself twice", { duplicates: true }],
  ])("reads tokens and the likeliest beside them: %s", async (_, how) => {
    await using opened = await open({ ...options, ...how });
    let beyond = 0;
    for (let seed = 0; seed < 8; seed++) {
      const tokens = await opened.draw({ seed, sampling: { inverseTemperature: 0.5 }, topCount: 3 });
      expect(tokens).toHaveLength(8);
      const before = [...prefix];
      for (const { token, logprob, top } of tokens) {
        const law = logSoftmax(model.logits(before));
        const order = law.map((_, id) => id).sort((a, b) => law[b]! - law[a]!);
        expect(logprob).toBeCloseTo(law[token]!, 5);
        expect([...top.ids]).toEqual(order.slice(0, 3));
        for (const [rank, id] of top.ids.entries()) expect(top.logprobs[rank]).toBeCloseTo(law[id]!, 5);
        if (!top.ids.includes(token)) beyond++;
        before.push(token);
      }
    }
    expect(beyond).toBeGreaterThan(10);
    expect(new Set(opened.server.calls.slice(-8).map(({ path }) => path))).toEqual(new Set([door]));
  });

  it("sends every field that the server would else fill in from the model's defaults", async () => {
    const defaults = { temperature: 0.1, top_k: 1, top_p: 0.1, min_p: 0.9, repetition_penalty: 1.9 };
    await using plain = await open(options);
    await using defaulted = await open({ ...options, defaults });
    expect(await defaulted.draw()).toEqual(await plain.draw());
  });

  it("ends with an end token, which is among what it reports", async () => {
    await using opened = await open(options);
    const all = await opened.draw();
    const end = all[3]!.token;
    const tokens = await opened.draw({ endTokens: [end] });
    expect(tokens.at(-1)!.token).toBe(end);
    expect(tokens.length).toBeLessThanOrEqual(4);
  });

  it("draws none of the tokens it must not draw, and tells raw log-probs all the same", async () => {
    await using opened = await open(options);
    const law = logSoftmax(model.logits(prefix));
    const order = law.map((_, id) => id).sort((a, b) => law[b]! - law[a]!);
    const without = order.slice(0, 20);
    for (let seed = 0; seed < 16; seed++) {
      const [drawn] = await opened.draw({ seed, maxTokens: 1, without });
      expect(without).not.toContain(drawn!.token);
      expect(drawn!.logprob).toBeCloseTo(law[drawn!.token]!, 5);
    }
  });

  it("names the prompt in a header", async () => {
    await using opened = await open(options);
    await opened.draw({ session: "prompt-1" });
    expect(opened.server.calls.at(-1)!.headers["x-session-id"]).toBe("prompt-1");
  });

  it("tells how much of the prompt was cached, where the server does", async () => {
    await using opened = await open({ ...options, cachedTokens: 2 });
    const cached: number[] = [];
    await opened.draw({ onCached: (tokens) => cached.push(tokens) });
    expect(cached).toEqual([2]);
  });

  it.each([
    ["a cut connection", { cut: { after: 3, times: 1 } }, { retryable: true }],
    [
      "a busy server",
      { refuse: { status: 429, times: 1, retryAfter: "3" } },
      { retryable: true, retryAfterMs: 3000 },
    ],
    ["a server that starts", { refuse: { status: 503, times: 1 } }, { retryable: true, isOutage: true }],
    [
      "a server that refuses",
      { refuse: { status: 400, times: 1, message: "no such thing" } },
      { retryable: false, message: "The server says: no such thing" },
    ],
    ["what is no JSON", { garbage: "data: <html>\n\n" }, { retryable: false }],
    ["what is no answer", { garbage: 'data: {"choices": 3}\n\n' }, { retryable: false }],
    ["an end before it is through", { garbage: "data: [DONE]\n\n" }, { retryable: true }],
    ["an end without an event", { garbage: "<html></html>" }, { retryable: true }],
    [
      "an error in a stream",
      { garbage: 'data: {"error": {"message": "engine died", "code": 500}}\n\n' },
      { retryable: true, status: 500, message: "The server says: engine died" },
    ],
    ["null for a log-prob", { writes: { after: 2, logprob: null } }, { code: "numerical_error" }],
    ["a log-prob of −∞", { writes: { after: 2, logprob: -9999 } }, { code: "numerical_error" }],
    ["a log-prob above 0", { writes: { after: 2, logprob: 3.5 } }, { code: "numerical_error" }],
    ["a log-prob that is none", { writes: { after: 2, logprob: "NaN" } }, { retryable: false }],
  ] as const)("says what is wrong with %s", async (_, faults: FakeFaults, expected) => {
    await using opened = await open(options);
    opened.server.faults = structuredClone(faults);
    await expect(opened.draw()).rejects.toMatchObject(expected);
  });
});

describe("vLLM's dialect", () => {
  it("scores given tokens under the raw model, whatever it reports of those it draws", async () => {
    await using opened = await open({ logprobsMode: "processed_logprobs" });
    const tokens = [1, 2, 3, 4, 5];
    const call = { model: "toy", session: "a", topCount: 2, tokens, from: 2 };
    const scores = await opened.dialect.score!(opened.connection, call, never);
    expect(scores.map(({ token }) => token)).toEqual([3, 4, 5]);
    for (const [index, { token, logprob, top }] of scores.entries()) {
      const law = logSoftmax(model.logits(tokens.slice(0, 2 + index)));
      expect(logprob).toBeCloseTo(law[token]!, 5);
      expect(top.ids).toHaveLength(2);
      expect(top.logprobs[0]).toBeCloseTo(Math.max(...law), 5);
    }
  });

  it("tokenises by the server's tokenizer", async () => {
    await using opened = await open();
    expect(await opened.dialect.tokenize(opened.connection, { model: "toy", text: "ab" }, never)).toEqual([
      97, 98,
    ]);
  });

  it("tells how many calls the server has under way", async () => {
    await using opened = await open();
    expect(await opened.dialect.running!(opened.connection, never)).toBe(0);
  });
});
