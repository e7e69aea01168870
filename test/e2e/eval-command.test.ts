import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { servedAbacus } from "../support/fake-servers/abacus.ts";
import { FakeVllm } from "../support/fake-servers/vllm.ts";
import { commandPath, runCommand, ServerProcess } from "../support/server-process.ts";
import type { Exit } from "../support/server-process.ts";

const folder = await mkdtemp(join(tmpdir(), "metropolis-eval-command-"));
afterAll(() => rm(folder, { recursive: true }));

const evaluation = [
  ..."eval --data models/abacus/test.jsonl --limit 8 --n 2 --samplers greedy,standard,power".split(" "),
  ..."--steps 2 --base models/abacus --model models/abacus --deterministic --concurrency 2".split(" "),
];

function expectExit({ code, output }: Exit, wanted: number, says: RegExp): void {
  expect(output).toMatch(says);
  expect(code).toBe(wanted);
}

/** The report, without what depends on the clock. */
async function reportIn(out: string): Promise<unknown> {
  const text = await readFile(join(out, "report.json"), "utf8");
  return JSON.parse(text, (key, value: unknown) => (/seconds/i.test(key) ? undefined : value));
}

const linesIn = async (path: string): Promise<number> =>
  (await readFile(path, "utf8").catch(() => "")).split("\n").length - 1;

it("an evaluation that was killed and started again reports what one reports that was not", async () => {
  const [whole, killed] = [join(folder, "whole"), join(folder, "killed")];
  expectExit(await runCommand([...evaluation, "--out", whole]), 0, /report:/);

  const child = spawn(process.execPath, [commandPath, ...evaluation, "--out", killed], { stdio: "ignore" });
  const results = join(killed, "results.jsonl");
  await expect.poll(() => linesIn(results), { interval: 5 }).toBeGreaterThan(3);
  child.kill("SIGKILL");
  await once(child, "exit");
  expect(await linesIn(results)).toBeLessThan(1 + 3 * 8);

  expect((await runCommand([...evaluation, "--out", killed])).code).toBe(0);
  expect(await reportIn(killed)).toEqual(await reportIn(whole));
  expect(await linesIn(results)).toBe(1 + 3 * 8);

  // From what is stored, without a model or the data.
  const page = await readFile(join(whole, "report.html"), "utf8");
  expect(page).toMatch(/At equal evaluated tokens.*Metropolis \d.*4\+3\*5\+2\+8=/s);
  const before = await reportIn(whole);
  await Promise.all(["report.html", "report.json"].map((name) => rm(join(whole, name))));
  expectExit(await runCommand(["eval", "report", whole]), 0, /At equal drawn tokens/);
  expect(await reportIn(whole)).toEqual(before);
  expect(await readFile(join(whole, "report.html"), "utf8")).toBe(page);
});

it("asks many questions at once without a word about listeners, in this process and of a server", async () => {
  const many =
    "eval --data models/abacus/test.jsonl --limit 24 --n 2 --samplers standard --concurrency 24".split(" ");
  await using server = await ServerProcess.start();
  const places = {
    here: ["--model", "models/abacus", "--base", "models/abacus"],
    there: ["--url", server.url],
  };
  for (const [name, place] of Object.entries(places)) {
    const exit = await runCommand([...many, ...place, "--out", join(folder, name)]);
    expectExit(exit, 0, /report:/);
    expect(exit.output).not.toMatch(/warning/i);
  }
});

it("a report wants a folder that has finished answers, and the help is that of both", async () => {
  expectExit(await runCommand(["eval", "report", folder]), 1, /^error: .*holds no evaluation/);
  const begun = join(folder, "begun");
  await mkdir(begun);
  await writeFile(join(begun, "results.jsonl"), '{"evaluation":{}}\n');
  expectExit(await runCommand(["eval", "report", begun]), 1, /^error: .*there is nothing to report/);
  expectExit(await runCommand(["eval", "report", begun, "--n", "3"]), 1, /unknown option '--n'/);
  expectExit(await runCommand(["eval", "--help"]), 0, /eval report evaluation/);
  expectExit(await runCommand(["eval"]), 1, /required option '--data <file>'/);
});

it("says what is wrong with a value that is swept, in a line", async () => {
  const failures: [string[], RegExp][] = [
    [["--alpha", "2,0.5"], /^error: .*'--alpha <values>'.*alpha must be at least 1/],
    [["--alpha", "2,"], /^error: .*'--alpha <values>'.*'' is no number/],
    [["--steps", "1.5"], /^error: .*'--steps <values>'.*expected int/],
    [["--kernel", "single"], /^error: .*'--kernel <values>'.*kernel must be one of single_try/],
  ];
  for (const [args, message] of failures) {
    const exit = await runCommand([...evaluation, ...args, "--out", join(folder, "refused")]);
    expectExit(exit, 1, message);
    expect(exit.output).not.toMatch(/\n\s+at /);
  }
});

it("policy entropy is measured, and appended as a point", async () => {
  const points = join(folder, "measured.jsonl");
  const args = [
    ..."entropy --data models/abacus/test.jsonl --limit 4 --n 2 --steps 3".split(" "),
    ...["--points", points, "--out", join(folder, "entropy")],
  ];
  expectExit(await runCommand(args), 0, /token-mean.*\n.*seq-mean.*\n.*accuracy/);
  const point = JSON.parse(await readFile(points, "utf8")) as { H: number; step: number };
  expect(point).toMatchObject({ step: 3, n: 8, checkpoint: "abacus" });
  expect(point.H).toBeGreaterThan(0);
  // The same measurement again is no second point.
  expect((await runCommand(args)).code).toBe(0);
  expect(await linesIn(points)).toBe(1);
});

it("points are fitted and drawn", async () => {
  const points = join(folder, "points.jsonl");
  const lines = [0.5, 0.3, 0.2].map((H, step) => JSON.stringify({ step, H, R: 0.9 - 0.3 * Math.exp(H) }));
  await writeFile(points, `${lines.join("\n")}\n`);
  const page = join(folder, "fit.html");
  const fitted = await runCommand(["entropy", "fit", points, "--out", page]);
  expectExit(fitted, 0, /over 3 points[\s\S]*ceiling +0\.6000/);
  expect(await readFile(page, "utf8")).toContain("<svg");
  const refused = await runCommand(["entropy", "fit", points, "--out", join(folder, "fit.png")]);
  expectExit(refused, 1, /\.svg or an \.html/);
});

it("a published data set becomes questions that eval takes", async () => {
  const out = join(folder, "humaneval.jsonl");
  const imported = await runCommand([
    "import",
    "humaneval",
    "test/fixtures/data-sets/humaneval.jsonl",
    "--out",
    out,
  ]);
  expectExit(imported, 0, /1 questions/);
  const published = join(folder, "gsm8k.jsonl");
  const records = [1, 2].map((one) => JSON.stringify({ question: `What is ${one}?`, answer: `#### ${one}` }));
  await writeFile(published, records.join("\n"));
  const gsm8k = ["import", "gsm8k", published, "--out", join(folder, "shots.jsonl")];
  expectExit(await runCommand([...gsm8k, "--k", "1"]), 1, /--shots; give that file too/);
  expectExit(await runCommand([...gsm8k, "--shots", published]), 1, /--k: 4 examples are wanted, .* has 1/);
  expectExit(await runCommand([...gsm8k, "--shots", published, "--k", "1"]), 0, /2 questions/);
  const refused = await runCommand(["eval", "--data", out, "--out", join(folder, "code")]);
  expectExit(refused, 1, /--allow-code/);
  const missing = await runCommand(["import", "gpqa", join(folder, "none.csv"), "--out", out]);
  expectExit(missing, 1, /cannot be read/);
});

describe("a model that a server elsewhere runs", () => {
  const few = "--data models/abacus/test.jsonl --limit 2 --n 2 --max-tokens 4".split(" ");

  it("is evaluated, scored by its own log-probs, and its entropy measured", async () => {
    await using fake = await new FakeVllm(await servedAbacus(), { maxLogprobs: 4 }).start();
    const engine = ["--engine", "vllm", "--engine-url", fake.url];
    const out = join(folder, "elsewhere");
    const args = ["eval", ...few, "--steps", "1", "--out", out, ...engine];
    expectExit(await runCommand(args), 0, /power[\s\S]*exact: left out/);
    expect(fake.calls.length).toBeGreaterThan(0);
    const [, first] = (await readFile(join(out, "results.jsonl"), "utf8")).split("\n");
    expect(JSON.parse(first!)).toMatchObject({ model: "abacus", source: fake.url });
    // Answers of the model in this process are another matter.
    const local = await runCommand(["eval", ...few, "--samplers", "standard", "--out", out]);
    expectExit(local, 1, /--out holds answers of 'abacus' from http:/);
    const points = join(folder, "their-points.jsonl");
    const entropy = ["entropy", ...few, "--out", join(folder, "their-entropy"), "--points", points];
    const bounds =
      /token-mean.*\] to \d.*\n.*seq-mean.*\] to \d.*\n.*\n.*from the lower bound to the upper one/;
    expectExit(await runCommand([...entropy, "--steps", "0", ...engine]), 0, bounds);
    const point = JSON.parse(await readFile(points, "utf8")) as Record<string, number>;
    expect(point.HUpper).toBeGreaterThan(point.H!);
    expect(point.tokenMeanHUpper).toBeGreaterThan(point.tokenMeanH!);
  });

  it.each([
    [["--deterministic"], /--deterministic is about a model in this process.*VLLM_BATCH_INVARIANT=1/],
    [["--lanes", "4"], /--lanes is about a model in this process/],
    [["--model", "a,b"], /a server runs one model/],
    [["--url", "http://127.0.0.1:9"], /--engine is about what runs --model; --url asks a server/],
  ])("refuses %j", async (more, message) => {
    for (const command of ["eval", "entropy"]) {
      const args = [command, ...few, "--engine", "vllm", "--engine-url", "http://127.0.0.1:9"];
      expectExit(await runCommand([...args, "--out", join(folder, "refused"), ...more]), 1, message);
    }
  });

  it("has no exact draws", async () => {
    const args = ["eval", ...few, "--engine", "vllm", "--engine-url", "http://127.0.0.1:9"];
    const named = [...args, "--out", join(folder, "refused"), "--samplers", "standard,exact"];
    expectExit(await runCommand(named), 1, /--samplers: 'exact' wants log Z exactly/);
  });
});
