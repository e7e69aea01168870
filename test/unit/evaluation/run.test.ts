import { appendFile, mkdtemp, readFile, truncate } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CompletionSource } from "../../../src/evaluation/completion-source.ts";
import { configurations, plainFields } from "../../../src/evaluation/configurations.ts";
import { parseDataSet } from "../../../src/evaluation/data-set.ts";
import { renderReport } from "../../../src/evaluation/report.ts";
import { ResultFile } from "../../../src/evaluation/result-file.ts";
import type { Result } from "../../../src/evaluation/result-file.ts";
import { runEvaluation } from "../../../src/evaluation/run.ts";
import { summarize } from "../../../src/evaluation/summary.ts";
import { createTestApp } from "../../support/embedded.ts";

let server: Awaited<ReturnType<typeof createTestApp>>;
let url: string;
beforeAll(async () => {
  // So that two runs can be compared to the last bit.
  server = await createTestApp({ engine: { deterministic: true } });
  await server.app.listen({ port: 0, host: "127.0.0.1" });
  url = `http://127.0.0.1:${(server.app.server.address() as AddressInfo).port}`;
});
afterAll(() => server[Symbol.asyncDispose]());

const text = await readFile(new URL("../../../models/abacus/test.jsonl", import.meta.url), "utf8");
const items = parseDataSet(text, { grader: "exact", allowCommands: false, name: "test.jsonl" }).slice(0, 6);
const compared = configurations({ samplers: ["greedy", "standard", "power"], alphas: [2, 4], steps: [3] });

async function run(path: string, { stopAfter = Infinity, isPlain = false } = {}): Promise<readonly Result[]> {
  await using file = await ResultFile.open(path, { n: 3 });
  const stop = new AbortController();
  await runEvaluation({
    items,
    configurations: isPlain ? compared.filter((one) => plainFields(one) !== undefined) : compared,
    source: new CompletionSource({ url, apiKey: undefined, model: undefined, isPlain }),
    isPlain,
    file,
    n: 3,
    maxTokens: 40,
    seed: 5,
    concurrency: 3,
    signal: stop.signal,
    onResult: (done) => {
      if (done === stopAfter) stop.abort(new Error("killed"));
    },
  });
  return file.results;
}

const folder = await mkdtemp(join(tmpdir(), "metropolis-eval-"));

/** Results in one order, without what depends on the clock. */
const content = (results: readonly Result[]): unknown =>
  results
    .map(({ seconds, ...result }) => ({ ...result, isTimed: seconds > 0 }))
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
    const seen = summarize(resumed).map(({ secondsPerRequest, ...rest }) => ({
      ...rest,
      secondsPerRequest: secondsPerRequest > 0,
    }));
    expect(new Set(seen.map(({ configuration }) => configuration)).size).toBe(compared.length);
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
    const results = await run(join(folder, "plain.jsonl"), { isPlain: true });
    expect(new Set(results.map(({ configuration }) => configuration))).toEqual(
      new Set(["greedy", "standard"]),
    );
    expect(results.every(({ samples }) => samples.every(({ meanEntropy }) => meanEntropy === null))).toBe(
      true,
    );
  });

  it("passes on what a server refuses", async () => {
    const source = new CompletionSource({ url, apiKey: undefined, model: "gpt-4", isPlain: false });
    const never = new AbortController().signal;
    await expect(source.sample({ prompt: "1+1=", messages: undefined }, {}, never)).rejects.toThrow(/gpt-4/);
  });
});

describe("the report", () => {
  it("shows every configuration, its charts as SVG and nothing from elsewhere", () => {
    const results: Result[] = ["a", "b", "c"].flatMap((id) =>
      compared.map(({ name }, place): Result => ({
        configuration: name,
        id,
        seed: 1,
        seconds: 1,
        samples: [true, place > 1, false].map((isCorrect, index) => ({
          text: `<b>${index}</b>`,
          answer: String(index),
          isCorrect,
          tokens: 4,
          logprob: -2,
          meanEntropy: 0.5,
          finish: "stop",
          evaluatedTokens: 10,
          ...(name.startsWith("power") ? { steps: 10, accepted: 5, firstTokenChanges: 1 } : {}),
        })),
      })),
    );
    const summaries = summarize(results);
    expect(summaries.map(({ accuracy }) => accuracy.value)).toEqual(
      [1 / 3, 1 / 3, 2 / 3, 2 / 3].map((value) => expect.closeTo(value) as unknown),
    );
    expect(summaries[2]).toMatchObject({
      n: 3,
      items: 3,
      acceptance: 0.5,
      firstTokenChanges: 0.1,
      distinctAnswers: 3,
    });
    expect(summaries[0]!.passAt.map(({ k }) => k)).toEqual([1, 2, 3]);
    const page = renderReport({ title: "a <data> set", summaries, configurations: compared });
    expect(page).toContain("a &lt;data> set");
    for (const { name } of compared) expect(page).toContain(name);
    expect(page.match(/<svg/g)!.length).toBeGreaterThanOrEqual(5);
    expect(page.replaceAll("http://www.w3.org/", "")).not.toMatch(/https?:\/\/|<script/);
  });
});
