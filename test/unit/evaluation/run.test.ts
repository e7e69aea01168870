import { appendFile, mkdtemp, readFile, truncate } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { embeddedModel } from "../../../src/assembly/embedded-model.ts";
import { LocalCompleter } from "../../../src/decoder/local-completer.ts";
import { readModelFolder } from "../../../src/decoder/model-folder.ts";
import { scoreUnder } from "../../../src/evaluation/base-model.ts";
import type { Score } from "../../../src/evaluation/base-model.ts";
import type { SamplerName } from "../../../src/samplers/registry.ts";
import { CompletionSource } from "../../../src/evaluation/completion-source.ts";
import { configurations } from "../../../src/evaluation/configurations.ts";
import type { Configuration } from "../../../src/evaluation/configurations.ts";
import { parseDataSet } from "../../../src/evaluation/data-set.ts";
import { renderReport } from "../../../src/evaluation/report/report.ts";
import { ResultFile } from "../../../src/evaluation/result-file.ts";
import type { Result } from "../../../src/evaluation/result.ts";
import { runEvaluation } from "../../../src/evaluation/run.ts";
import { analyse } from "../../../src/evaluation/analysis.ts";
import { groupResults } from "../../../src/evaluation/groups.ts";
import { summarize } from "../../../src/evaluation/summary.ts";
import type { Summary } from "../../../src/evaluation/summary.ts";
import { BoundedEngine } from "../../support/bounded-engine.ts";
import { createTestApp } from "../../support/embedded.ts";
import { encode } from "../../support/encode.ts";
import { createToyEngine } from "../../support/toy-engine.ts";
import { createToyModel } from "../../support/toy-model.ts";

let server: Awaited<ReturnType<typeof createTestApp>>;
let url: string;
beforeAll(async () => {
  // So that two runs can be compared to the last bit.
  server = await createTestApp({ engine: { deterministic: true, prefetch: false } });
  await server.app.listen({ port: 0, host: "127.0.0.1" });
  url = `http://127.0.0.1:${(server.app.server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  // A run that was stopped leaves connections that never asked anything; closing waits a minute for those.
  server.app.server.closeAllConnections();
  await server[Symbol.asyncDispose]();
});

const text = await readFile(new URL("../../../models/abacus/test.jsonl", import.meta.url), "utf8");
const items = parseDataSet(text, {
  grader: "exact",
  allowCommands: false,
  allowCode: false,

  name: "test.jsonl",
}).slice(0, 4);
const plain = ["greedy", "standard"] as const;
const all = ["greedy", "standard", "power"] as const;
const compared = configurations(all, { alpha: [2, 4], mcmc_steps: [3] });
const model = { name: "abacus", source: "models/abacus" };

interface RunChanges {
  readonly stopAfter?: number;
  readonly isPlain?: boolean;
  readonly score?: Score;
  readonly name?: string;
  readonly samplers?: readonly SamplerName[];
  readonly searches?: readonly Configuration[];
  readonly at?: string;
}

async function run(
  path: string,
  {
    stopAfter = Infinity,
    isPlain = false,
    score,
    name = "abacus",
    samplers = all,
    searches,
    at = url,
  }: RunChanges = {},
): Promise<readonly Result[]> {
  await using file = await ResultFile.open(path, { n: 3 });
  const stop = new AbortController();
  let done = 0;
  await runEvaluation({
    items,
    model: { ...model, name },
    configurations: searches ?? compared.filter(({ fields }) => samplers.includes(fields.sampler)),
    completions: new CompletionSource({ url: at, apiKey: undefined, model: undefined, isPlain }),
    isPlain,
    score,
    file,
    n: 3,
    maxTokens: 40,
    seed: 5,
    concurrency: 3,
    signal: stop.signal,
    onResult: () => {
      if (++done === stopAfter) stop.abort(new Error("killed"));
    },
  });
  return file.results;
}

const folder = await mkdtemp(join(tmpdir(), "metropolis-eval-"));

const summariesOf = (results: readonly Result[], count = items.length): readonly Summary[] =>
  summarize(groupResults(results, count).finished);

function pageOf(
  results: readonly Result[],
  { title = "t", count = items.length, base = undefined as string | undefined } = {},
): string {
  const groups = groupResults(results, count).finished;
  return renderReport({ title, evaluation: { n: 3 }, groups, analysis: analyse(groups), base });
}

/** Results in one order, without what depends on the clock. */
const timeless = (summaries: readonly Summary[]): unknown =>
  summaries.map(({ secondsPerRequest, totalSeconds, ...rest }) => ({
    ...rest,
    isTimed: secondsPerRequest > 0 && totalSeconds > 0,
  }));

const content = (results: readonly Result[]): unknown =>
  results
    .map(({ seconds, sharedSeconds, at, ...result }) => ({
      ...result,
      isTimed:
        seconds > 0 &&
        sharedSeconds! > 0 &&
        sharedSeconds! < seconds + 1e-6 &&
        !Number.isNaN(Date.parse(at!)),
    }))
    .sort((a, b) => `${a.configuration} ${a.id}`.localeCompare(`${b.configuration} ${b.id}`));

describe("an evaluation", () => {
  it("that was killed and went on gives what one gives that was not", async () => {
    const whole = await run(join(folder, "whole.jsonl"));
    expect(whole).toHaveLength(compared.length * items.length);
    const path = join(folder, "resumed.jsonl");
    await expect(run(path, { stopAfter: 7 })).rejects.toThrow("killed");
    // And in the middle of a line.
    await appendFile(path, '{"configuration":"gree');
    const resumed = await run(path);
    expect(content(resumed)).toEqual(content(whole));
    const onDisk = (await readFile(path, "utf8")).trim().split("\n");
    expect(onDisk).toHaveLength(resumed.length + 1);
    expect(timeless(summariesOf(resumed))).toEqual(timeless(summariesOf(whole)));
    const { finished, unfinished } = groupResults(resumed, items.length);
    expect(finished.map(({ label }) => label).toSorted()).toEqual(
      compared.map(({ name }) => name).toSorted(),
    );
    expect(unfinished).toEqual([]);
  });

  it("asks for nothing that is there, and refuses the file of another", async () => {
    const path = join(folder, "whole.jsonl");
    const before = await readFile(path, "utf8");
    await run(path);
    expect(await readFile(path, "utf8")).toBe(before);
    await expect(ResultFile.open(path, { n: 4 })).rejects.toThrow(/another evaluation: n differ/);
    await truncate(path, 0);
  });

  it("runs the plain samplers on a server that knows OpenAI's fields alone", async () => {
    const results = await run(join(folder, "plain.jsonl"), { isPlain: true, samplers: plain });
    expect(new Set(results.map(({ configuration }) => configuration))).toEqual(
      new Set(["greedy", "standard"]),
    );
    expect(
      results.every(({ samples }) => samples.every(({ likelihood }) => likelihood?.meanEntropy === null)),
    ).toBe(true);
  });

  it("scores answers under a base, token by token, as the base itself would", async () => {
    const own = await run(join(folder, "own.jsonl"), { samplers: plain });
    const score = scoreUnder(server.completer);
    const scored = await run(join(folder, "scored.jsonl"), { score, samplers: plain });
    const likelihoods = (results: readonly Result[]): number[] =>
      results
        .toSorted((a, b) => (a.configuration + a.id < b.configuration + b.id ? -1 : 1))
        .flatMap(({ samples }) => samples.map(({ likelihood }) => likelihood!))
        .flatMap(({ tokens, logprob, meanEntropy }) => [tokens, logprob, meanEntropy!]);
    const [left, right] = [likelihoods(own), likelihoods(scored)];
    expect(right).toHaveLength(left.length);
    for (const [index, value] of left.entries()) expect(right[index]).toBeCloseTo(value, 4);
    // Of a text whose tokens the server does not tell, the base's own spelling is scored, with the end it came to.
    const sample = { text: "#5", finish: "stop", logprobs: [], entropies: [], power: undefined };
    const never = new AbortController().signal;
    const spelled = await score(items[0]!, { ...sample, tokenIds: undefined }, never);
    const { prompts, model: info } = server.completer;
    const tokenIds = [
      ...(await encode(prompts, { text: "#5", addSpecialTokens: false })),
      info.endTokenIds[0]!,
    ];
    expect(spelled.tokens).toBe(3);
    expect(spelled).toEqual(await score(items[0]!, { ...sample, tokenIds }, never));
  });

  it("keeps both bounds of entropies that a server or a base knows within bounds", async () => {
    const described = await readModelFolder(embeddedModel);
    const toy = createToyEngine({ model: createToyModel({ vocabularySize: 18 }), capacity: 128 });
    const switches = { earlyRejection: true, prefetch: false, memo: undefined };
    await using completer = new LocalCompleter(described, new BoundedEngine(toy, { known: 4 }), switches);
    await using app = await createTestApp({ completer });
    await app.app.listen({ port: 0, host: "127.0.0.1" });
    const at = `http://127.0.0.1:${(app.app.server.address() as AddressInfo).port}`;
    const own = await run(join(folder, "bounded.jsonl"), { at, samplers: plain });
    const { model: info, tokenizer, prompts } = server.completer;
    const score = scoreUnder({
      ...{ model: info, tokenizer, prompts },
      score: async (...request) =>
        Array.from(await server.completer.score(...request), (token) => ({ ...token, entropyGap: 0.1 })),
    });
    const scored = await run(join(folder, "bounded-base.jsonl"), { score, samplers: plain });
    const gaps = (results: readonly Result[]): number[] =>
      results
        .flatMap(({ samples }) => samples)
        .map(({ likelihood }) => likelihood!.meanEntropyUpper! - likelihood!.meanEntropy!);
    for (const gap of gaps(own)) expect(gap).toBeGreaterThan(0.01);
    for (const gap of gaps(scored)) expect(gap).toBeCloseTo(0.1, 9);
    // Self-certainty is of the model that answered: one that runs elsewhere is asked for it in vain, and then no more.
    const certainties = (results: readonly Result[]): unknown[] =>
      results.flatMap(({ samples }) => samples.map(({ likelihood }) => likelihood!.selfCertainty));
    expect(new Set(certainties(own))).toEqual(new Set([undefined]));
    for (const certainty of certainties(scored)) expect(certainty).toBeGreaterThan(0);

    const summaries = summariesOf(own);
    const page = pageOf(own);
    const { confidences, meanEntropyUpper } = summaries[0]!;
    const lower = -confidences.reduce((sum, value) => sum + value, 0) / confidences.length;
    expect(page).toContain(`${lower.toFixed(3)} to ${meanEntropyUpper!.toFixed(3)}`);
    expect(page).toMatch(/both are given/);
    expect(page).toMatch(/at its lower bound/);
  });

  it("brings several models into one report, and leaves out what is not finished", async () => {
    const path = join(folder, "models.jsonl");
    await run(path, { samplers: plain });
    await expect(run(path, { name: "other", samplers: plain, stopAfter: 4 })).rejects.toThrow("killed");
    await using file = await ResultFile.open(path, { n: 3 });
    const { finished, unfinished } = groupResults(file.results, items.length);
    expect(finished.map(({ label }) => label)).toEqual(["abacus: standard", "abacus: greedy"]);
    expect(unfinished.every((label) => label.startsWith("other: "))).toBe(true);
    expect(unfinished.length).toBeGreaterThan(0);
  });

  it("counts what samplers of whole completions drew and evaluated, each answer by itself", async () => {
    const searches = configurations(["maximize", "smc"], { mcmc_steps: [3] });
    const results = await run(join(folder, "searches.jsonl"), { searches });
    // The server remembers these very answers by now, and yet they cost what they did.
    expect(content(await run(join(folder, "again.jsonl"), { searches }))).toEqual(content(results));
    expect(new Set(results.map(({ configuration }) => configuration)).size).toBe(2);
    for (const { tokens, drawnTokens, evaluatedTokens } of results.flatMap(({ samples }) => samples)) {
      expect(evaluatedTokens).toBeGreaterThanOrEqual(tokens!);
      expect(drawnTokens).toBeGreaterThan(evaluatedTokens!);
    }
  });

  it("tells exact draws from the answers of chains in their place", async () => {
    const searches = configurations(["exact"], { max_tries: [1, 3, 1000], fallback: ["power"] });
    const results = await run(join(folder, "exact.jsonl"), { searches });
    const summaries = summariesOf(results);
    expect(summaries.map(({ fields }) => fields.max_tries)).toEqual([1, 3, 1000]);
    for (const { configuration, exact, chain } of summaries) {
      const own = results.filter((result) => result.configuration === configuration);
      const samples = own.flatMap((result) => result.samples);
      // Those that are no draws have a chain that gave them.
      for (const sample of samples) expect(sample.chain === undefined).toBe(sample.exact!.isExact);
      expect(exact!.share).toBe(samples.filter((one) => one.exact!.isExact).length / samples.length);
      expect(chain === null).toBe(exact!.share === 1);
    }
    const [few, some, many] = summaries.map(({ exact }) => exact!);
    expect(few!.triesPerAnswer).toBe(1);
    expect(some!.share).toBeGreaterThan(few!.share);
    expect(some!.share).toBeLessThan(1);
    expect(many!.share).toBe(1);
    expect(many!.triesPerAnswer).toBeGreaterThan(1);
    const page = pageOf(results);
    expect(page).toContain("<h2>Exact draws</h2>");
    expect(page).toContain(`<td>${some!.share.toFixed(3)}</td><td>${some!.triesPerAnswer.toFixed(1)}</td>`);
  });

  it("passes on what a server refuses", async () => {
    const source = new CompletionSource({ url, apiKey: undefined, model: "gpt-4", isPlain: false });
    const never = new AbortController().signal;
    const question = { prompt: "1+1=", messages: undefined, stop: [] };
    await expect(source.sample(question, { n: 1 }, never)).rejects.toThrow(/gpt-4/);
  });
});

describe("the report", () => {
  it("shows every configuration, its charts as SVG and nothing from elsewhere", () => {
    const results: Result[] = ["a", "b", "c"].flatMap((id) =>
      compared.map(({ name, fields }, place): Result => ({
        model: "abacus",
        source: model.source,
        configuration: name,
        fields,
        id,
        seed: 1,
        seconds: 1,
        samples: [true, place > 1, false].map((isCorrect, index) => ({
          text: `<b>${index}</b>`,
          answer: String(index),
          isCorrect,
          tokens: 4,
          likelihood: { tokens: 4, logprob: -2, meanEntropy: 0.5 },
          finish: index === 2 ? "length" : "stop",
          evaluatedTokens: 10,
          drawnTokens: fields.sampler === "power" ? 90 : 4,
          ...(fields.sampler === "power"
            ? {
                chain: {
                  steps: 10,
                  accepted: 5,
                  firstTokenChanges: isCorrect ? 2 : 0,
                  isUnmixed: false,
                },
              }
            : {}),
        })),
      })),
    );
    const summaries = summariesOf(results, 3);
    expect(summaries.map(({ accuracy }) => accuracy.value)).toEqual(
      [1 / 3, 1 / 3, 2 / 3, 2 / 3].map((value) => expect.closeTo(value) as unknown),
    );
    expect(summaries[2]).toMatchObject({
      n: 3,
      items: 3,
      chain: { acceptance: 0.5, unmixedChains: 0 },
      drawnTokensPerAnswer: 90,
      cutOff: expect.closeTo(1 / 3) as unknown,
      distinctAnswers: 3,
    });
    expect(summaries[2]!.meanLogprobs).toEqual(Array.from({ length: 9 }, () => -0.5));
    expect(summaries[2]!.chain!.movedChains).toBeCloseTo(2 / 3);
    expect(summaries[0]!.passAt.map(({ k }) => k)).toEqual([1, 2, 3]);
    const page = pageOf(results, { title: "a <data> set", count: 3, base: "the base" });
    expect(page).toContain("a &lt;data> set");
    for (const { name } of compared) expect(page).toContain(name);
    expect(page.match(/<svg/g)!.length).toBeGreaterThanOrEqual(6);
    // What came out stands first, of whom, and how it was asked; three questions have no interval.
    const summary = /<section class="summary">.*<\/section>/s.exec(page)![0];
    expect(summary).toMatch(/standard is right in 0\.333 with one answer\./);
    expect(summary).toMatch(/At 1x \(10\.0 evaluated tokens a question\)/);
    expect(summary).toMatch(/right one is the likelier in 0\.500/);
    expect(summary).toMatch(/abacus.*3 questions.*n 3.*the base.*a version that was not noted/s);
    // An answer of either kind to each question, markup as text.
    expect(page.match(/class="pair"/g)).toHaveLength(3);
    expect(page).toContain("&lt;b>0&lt;/b>");
    expect(page).not.toContain("<b>0</b>");
    for (const heading of ["Log-likelihood under the base", "Confidence under the base", "the exponent"]) {
      expect(page).toContain(heading);
    }
    expect(page.replaceAll("http://www.w3.org/", "")).not.toMatch(/https?:\/\/|<script/);
  });
});
