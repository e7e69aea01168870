import { describe, expect, it } from "vitest";
import type { ReportedToken } from "../../../../src/engine/remote/dialect.ts";
import { createLlamaCpp } from "../../../../src/engine/remote/llamacpp.ts";
import { openRemote } from "../../../../src/engine/remote/open-remote.ts";
import { FakeLlamaCpp } from "../../../support/fake-servers/llamacpp.ts";
import type { FakeLlamaCppOptions } from "../../../support/fake-servers/llamacpp.ts";
import { openDialect } from "../../../support/fake-servers/open-dialect.ts";
import { servedToy } from "../../../support/fake-servers/toy.ts";
import { logSoftmax } from "../../../support/toy-model.ts";

const vocabularySize = 30;
const model = servedToy({ seed: 4, vocabularySize });
const prefix = [1, 2, 3];
const open = (options: FakeLlamaCppOptions = {}) =>
  openDialect(new FakeLlamaCpp(model, options), createLlamaCpp());

const idsOf = (tokens: readonly ReportedToken[]): number[] => tokens.map(({ token }) => token);
/** That each token comes with the model's own log-probs. */
function expectOwn(tokens: readonly ReportedToken[]): void {
  const before = [...prefix];
  for (const { token, logprob, top } of tokens) {
    const law = logSoftmax(model.logits(before));
    expect(logprob).toBeCloseTo(law[token]!, 5);
    expect(top.logprobs[0]).toBeCloseTo(Math.max(...law), 5);
    before.push(token);
  }
}

describe("llama.cpp", () => {
  it("ends by its own end token, which may be gone on behind", async () => {
    const [first] = idsOf(await (await open()).draw({ seed: 3 }));
    await using opened = await open({ endToken: first! });
    const tokens = await opened.draw({ seed: 3 });
    expect(idsOf(tokens)).toEqual([first]);
    expect(idsOf(await opened.draw({ prefix: [...prefix, first!] })).length).toBeGreaterThan(0);
    expect(opened.server.calls.every(({ body }) => body.ignore_eos === false)).toBe(true);
  });

  it("is cut off behind an end token that it does not know", async () => {
    await using opened = await open();
    const end = idsOf(await opened.draw())[2]!;
    const tokens = idsOf(await opened.draw({ endTokens: [end], maxTokens: 40 }));
    expect(tokens.at(-1)).toBe(end);
    expect(opened.server.calls.at(-1)!.drawn).toBeLessThan(40);
  });

  it.each([
    ["min_p, top_k and top_p in our order", { topK: 3, topP: 0.5, minP: 0.1 }],
    ["none", {}],
  ])("takes truncations: %s", async (_, truncation) => {
    await using opened = await open();
    await opened.draw({ sampling: { inverseTemperature: 4, ...truncation } });
    const { topK = 0, topP = 1, minP = 0 } = { topK: undefined, ...truncation };
    expect(opened.server.calls.at(-1)!.body).toMatchObject({
      samplers: ["penalties", "temperature", "min_p", "top_k", "top_p"],
      temperature: 0.25,
      top_k: topK,
      top_p: topP,
      min_p: minP,
    });
  });
});

describe("tokens within a character, which llama.cpp withholds", () => {
  const known = async (changes: object): Promise<number[]> => {
    await using plain = await open();
    return idsOf(await plain.draw(changes));
  };

  it.each([
    ["at the start", (ids: number[]) => [ids[0]!]],
    ["in the midst", (ids: number[]) => [ids[3]!]],
    ["at the end", (ids: number[]) => [ids.at(-1)!]],
    ["several in a row", (ids: number[]) => ids.slice(2, 5)],
    ["alone", (ids: number[]) => ids],
  ])("are told with their log-probs: %s", async (_, choose) => {
    for (let seed = 0; seed < 4; seed++) {
      const drawn = await known({ seed });
      await using opened = await open({ parts: choose(drawn) });
      const tokens = await opened.draw({ seed });
      // The rest is another call's.
      expect(idsOf(tokens)).toEqual(drawn.slice(0, tokens.length));
      expect(tokens.length).toBeGreaterThan(drawn.findIndex((id) => choose(drawn).includes(id)));
      expectOwn(tokens);
    }
  });

  it.each([429, 503])("stand as drawn where the server cannot tell them at once: %d", async (status) => {
    for (let seed = 0; seed < 3; seed++) {
      const drawn = await known({ seed });
      await using opened = await open({ parts: drawn.slice(0, 2) });
      let isFirst = true;
      opened.server.faults.onPass = () => {
        // The stream was taken; the calls that ask for what it withholds are not.
        if (isFirst) opened.server.faults.refuse = { status, times: 2, retryAfter: "0" };
        isFirst = false;
      };
      const tokens = await opened.draw({ seed });
      expect(opened.server.faults.refuse).toMatchObject({ times: 0 });
      expect(idsOf(tokens)).toEqual(drawn.slice(0, tokens.length));
      expectOwn(tokens);
    }
  });

  it("are scored beside another token", async () => {
    const tokens = [...prefix, 4, 5, 6, 7];
    await using plain = await open();
    // All but one, so that it is to be found.
    const parts = Array.from({ length: vocabularySize }, (_, id) => id).filter((id) => id !== 20);
    await using opened = await open({ parts });
    expect(await opened.score(tokens, prefix.length)).toEqual(await plain.score(tokens, prefix.length));
  });

  it("end what they end", async () => {
    const drawn = await known({});
    await using opened = await open({ parts: [drawn[2]!] });
    const tokens = idsOf(await opened.draw({ endTokens: [drawn[2]!] }));
    expect(tokens).toEqual(drawn.slice(0, drawn.indexOf(drawn[2]!) + 1));
  });

  it("of which no seed tells are refused, not drawn anew", async () => {
    const parts = Array.from({ length: 15 }, (_, id) => 2 * id);
    await using opened = await open({ parts, isUnrepeatable: true });
    const failures: unknown[] = [];
    for (let seed = 0; seed < 8; seed++) {
      const told: ReportedToken[] = [];
      await opened.draw({ seed }, told).catch((error: unknown) => failures.push(error));
    }
    expect(failures.length).toBeGreaterThan(0);
    for (const failure of failures)
      expect(failure).toMatchObject({ code: "numerical_error", message: /so that seeds repeat/ });
  });
});

describe("opening a llama.cpp server", () => {
  async function opening(options: FakeLlamaCppOptions, { hides = [] }: { hides?: readonly string[] } = {}) {
    await using server = await new FakeLlamaCpp(model, options).start();
    for (const path of hides) server.hidden.add(path);
    const settings = { url: server.url, maxCalls: 4, sessionHeader: "x-session-id", vocabularySize };
    const opened = await openRemote({ dialect: "llamacpp", ...settings });
    await opened.engine[Symbol.asyncDispose]();
    return opened;
  }

  it("measures what it does", async () => {
    const { facts, notes } = await opening({});
    expect(facts).toMatchObject({
      logprobs: "raw",
      mostTop: vocabularySize,
      seedsRepeat: true,
      reproducibility: "rounding",
      tellsEnds: true,
      aborts: true,
      caches: true,
    });
    expect(facts.disagreement).toBeLessThan(1e-5);
    expect(notes).toEqual(["it runs 4 calls at once, others wait: --parallel sets how many"]);
  });

  it.each([
    ["has an end token", { endToken: 11 }, []],
    ["withholds tokens", { parts: [1, 5, 9, 14, 22] }, []],
    ["has both", { endToken: 11, parts: [1, 5, 9, 14, 22] }, []],
    ["loads its model", { loading: 3 }, []],
    ["tells nothing of its slots", {}, ["/slots"]],
    ["tells nothing of itself", {}, ["/slots", "/props"]],
  ])("goes well where it %s", async (_, options: FakeLlamaCppOptions, hides: readonly string[]) => {
    const { description, facts } = await opening(options, { hides });
    expect(description.contextLength).toBe(64);
    expect(facts.logprobs).toBe("raw");
    expect(facts.disagreement).toBeLessThan(1e-5);
  });

  it("finds how many of the likeliest it tells", async () => {
    expect((await opening({ mostProbs: 12 })).facts.mostTop).toBe(12);
  });

  it.each([
    ["says that it drafts", { drafts: { every: 100, form: "zero" } }, [], /--spec-type none/],
    [
      "tells nothing of drafted tokens",
      { drafts: { every: 3, form: "nothing" } },
      ["/slots"],
      /--spec-type none/,
    ],
    ["says of all tokens that they are sure", { drafts: { every: 1, form: "alone" } }, ["/slots"], /./],
    [
      "says of drafted tokens that they are sure",
      { drafts: { every: 2, form: "alone" } },
      ["/slots"],
      /--spec-type none/,
    ],
    ["says so beside the likeliest", { drafts: { every: 2, form: "zero" } }, ["/slots"], /./],
    [
      "reports log-probs after sampling",
      { overrides: { post_sampling_probs: true, temperature: 0.1 } },
      [],
      /./,
    ],
    [
      "truncates",
      { overrides: { samplers: ["temperature", "top_k"], top_k: 3 } },
      [],
      /samples? from|likeliest tokens alone/,
    ],
    ["samples by mirostat", { overrides: { mirostat: 2, temperature: 1 } }, [], /./],
    ["draws the same whatever the seed", { overrides: { seed: 1 } }, [], /seed/],
  ] as const)("is refused where it %s", async (_, options, hides, message) => {
    const failure = await opening(options, { hides }).catch((error: unknown) => error);
    expect(failure).toMatchObject({ message });
  });
});
