import { describe, expect, it } from "vitest";
import type { Dialect } from "../../../../src/engine/remote/dialect.ts";
import { createLlamaCpp } from "../../../../src/engine/remote/llamacpp.ts";
import { createSglang } from "../../../../src/engine/remote/sglang.ts";
import type { FakeFaults, FakeServer } from "../../../support/fake-servers/fake-server.ts";
import { FakeLlamaCpp } from "../../../support/fake-servers/llamacpp.ts";
import { openDialect } from "../../../support/fake-servers/open-dialect.ts";
import { FakeSglang } from "../../../support/fake-servers/sglang.ts";
import { servedToy } from "../../../support/fake-servers/toy.ts";
import { never } from "../../../support/toy-engine.ts";
import { logSoftmax } from "../../../support/toy-model.ts";

const vocabularySize = 30;
const model = servedToy({ seed: 4, vocabularySize, scale: 8 });
const prefix = [1, 2, 3];

/** What any fake may be told to do. */
interface CommonOptions {
  readonly duplicates?: boolean;
  readonly defaults?: Readonly<Record<string, unknown>>;
}

interface Spoken {
  readonly name: string;
  readonly create: () => Dialect;
  readonly serve: (options?: CommonOptions) => FakeServer;
  /** What a model's maker, or an operator, may set for what calls leave out. */
  readonly defaults: Readonly<Record<string, unknown>>;
  /** The body of an error within an answer. */
  readonly errorInStream: object;
}

const spoken: readonly Spoken[] = [
  {
    name: "llama.cpp",
    create: createLlamaCpp,
    serve: (options) => new FakeLlamaCpp(model, options),
    defaults: { temperature: 0.1, top_k: 1, top_p: 0.1, min_p: 0.9, repeat_penalty: 1.9, mirostat: 2 },
    errorInStream: { error: { code: 500, message: "decode failed", type: "server_error" } },
  },
  {
    name: "SGLang",
    create: () => createSglang({ vocabularySize }),
    serve: (options) => new FakeSglang(model, { isDeterministic: true, ...options }),
    defaults: { temperature: 0.1, top_k: 1, top_p: 0.1, min_p: 0.9, repetition_penalty: 1.9 },
    errorInStream: { error: { message: "decode failed" } },
  },
];

const lawAfter = (tokens: readonly number[]) => logSoftmax(model.logits(tokens));
const descending = (law: readonly number[]) =>
  law.map((_, id) => id).sort((a, b) => law[b]! - law[a]! || a - b);

describe.each(spoken)("$name's dialect", ({ create, serve, defaults, errorInStream }) => {
  const open = (options?: CommonOptions) => openDialect(serve(options), create());

  it("describes the server", async () => {
    await using opened = await open();
    expect(await opened.describe()).toMatchObject({ model: "toy", version: expect.any(String) as string });
    await expect(opened.describe("other")).rejects.toMatchObject({ code: "model_not_found", param: "model" });
  });

  it.each([
    ["as they come", {}],
    ["with the token itself once more", { duplicates: true }],
  ])("reads tokens and the likeliest beside them: %s", async (_, options) => {
    await using opened = await open(options);
    let beyond = 0;
    for (let seed = 0; seed < 8; seed++) {
      const tokens = await opened.draw({ seed, sampling: { inverseTemperature: 1 }, topCount: 2 });
      expect(tokens).toHaveLength(8);
      const before = [...prefix];
      for (const { token, logprob, top } of tokens) {
        const law = lawAfter(before);
        expect(logprob).toBeCloseTo(law[token]!, 5);
        const least = top.logprobs.at(-1)!;
        expect([...top.ids].slice(0, 2)).toEqual(descending(law).slice(0, 2));
        for (const [rank, id] of top.ids.entries()) expect(top.logprobs[rank]).toBeCloseTo(law[id]!, 5);
        if (!top.ids.includes(token)) {
          beyond++;
          expect(logprob).toBeLessThanOrEqual(least + 1e-6);
        }
        before.push(token);
      }
    }
    expect(beyond).toBeGreaterThan(3);
  });

  it("sends every field that the server would else fill in", async () => {
    await using plain = await open();
    await using defaulted = await open({ defaults });
    for (let seed = 0; seed < 4; seed++) {
      const sampling = { inverseTemperature: 0.5 };
      const idsIn = async ({ draw }: typeof plain) =>
        (await draw({ seed, sampling })).map(({ token }) => token);
      expect(await idsIn(defaulted)).toEqual(await idsIn(plain));
    }
  });

  it("ends with an end token, which is among what it reports", async () => {
    await using opened = await open();
    const end = (await opened.draw())[3]!.token;
    const tokens = await opened.draw({ endTokens: [end] });
    expect(tokens.at(-1)!.token).toBe(end);
    expect(tokens.findIndex(({ token }) => token === end)).toBe(tokens.length - 1);
  });

  it("draws none of the tokens it must not draw", async () => {
    await using opened = await open();
    const without = descending(lawAfter(prefix)).slice(0, 20);
    for (let seed = 0; seed < 16; seed++) {
      const [drawn] = await opened.draw({ seed, maxTokens: 1, without });
      expect(without).not.toContain(drawn!.token);
    }
  });

  it("scores given tokens under the raw model", async () => {
    await using opened = await open();
    const tokens = [1, 2, 3, 4, 5];
    const scores = await opened.score(tokens, 2);
    expect(scores.map(({ token }) => token)).toEqual([3, 4, 5]);
    for (const [index, { token, logprob, top }] of scores.entries()) {
      const law = lawAfter(tokens.slice(0, 2 + index));
      expect(logprob).toBeCloseTo(law[token]!, 5);
      expect([...top.ids]).toEqual(descending(law).slice(0, 2));
    }
  });

  it("names the prompt in a header, and tells how much of it was cached", async () => {
    await using opened = await open();
    const cached: number[] = [];
    await opened.draw({ session: "prompt-1", onCached: (tokens) => cached.push(tokens) });
    expect(opened.server.calls.at(-1)!.headers["x-session-id"]).toBe("prompt-1");
    expect(cached).toEqual([2]);
  });

  it("tokenises by the server's tokenizer, and tells what it has under way", async () => {
    await using opened = await open();
    expect(await opened.dialect.tokenize(opened.connection, { model: "toy", text: "ab" }, never)).toEqual([
      97, 98,
    ]);
    expect(await opened.dialect.running!(opened.connection, never)).toBe(0);
  });

  it.each([
    ["a cut connection", { cut: { after: 3, times: 1 } }, { retryable: true }],
    [
      "a busy server",
      { refuse: { status: 429, times: 1, retryAfter: "3" } },
      { retryable: true, retryAfterMs: 3000 },
    ],
    ["a server that loads", { refuse: { status: 503, times: 1 } }, { retryable: true, isOutage: true }],
    [
      "a server that refuses",
      { refuse: { status: 400, times: 1, message: "no such thing" } },
      { retryable: false, message: "The server says: no such thing" },
    ],
    ["what is no JSON", { garbage: "data: <html>\n\n" }, { retryable: false }],
    ["what is no answer", { garbage: 'data: {"tokens": 3}\n\n' }, { retryable: false }],
    ["an end before it is through", { garbage: ":\n\n" }, { retryable: true }],
    ["an end without an event", { garbage: "<html></html>" }, { retryable: true }],
    [
      "an error in a stream",
      { garbage: `data: ${JSON.stringify(errorInStream)}\n\n` },
      { retryable: true, status: 500, message: "The server says: decode failed" },
    ],
    ["null for a log-prob", { writes: { after: 2, logprob: null } }, { code: "numerical_error" }],
    ["a log-prob of −∞", { writes: { after: 2, logprob: -3.4e38 } }, { code: "numerical_error" }],
    ["a log-prob above 0", { writes: { after: 2, logprob: 3.5 } }, { code: "numerical_error" }],
    ["log-probs of more than all", { writes: { after: 2, logprob: -0.1 } }, { code: "numerical_error" }],
    ["a log-prob that is none", { writes: { after: 2, logprob: "NaN" } }, { retryable: false }],
  ] as const)("says what is wrong with %s", async (_, faults: FakeFaults, expected) => {
    await using opened = await open();
    opened.server.faults = structuredClone(faults);
    await expect(opened.draw()).rejects.toMatchObject(expected);
  });
});
