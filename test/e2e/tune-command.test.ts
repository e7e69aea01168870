import { spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { commandPath, runCommand } from "../support/server-process.ts";

const folder = await mkdtemp(join(tmpdir(), "metropolis-tune-command-"));
afterAll(() => rm(folder, { recursive: true }));

const tuning = [
  ..."tune --data models/abacus/test.jsonl --limit 16 --budget 2 --samplers smc --alpha 2".split(" "),
  ..."--particles 4 --deterministic --concurrency 4".split(" "),
];
const textIn = (path: string): Promise<string> => readFile(path, "utf8").catch(() => "");

it("a search that was killed and started again ends as one that was not, and its preset can be asked for", async () => {
  const model = join(folder, "abacus");
  await cp("models/abacus", model, { recursive: true });
  const before = JSON.parse(await textIn(join(model, "generation_config.json"))) as { metropolis: object };
  const [whole, killed] = [join(folder, "whole"), join(folder, "killed")];
  const first = await runCommand([...tuning, "--model", model, "--out", whole, "--preset", "tuned"]);
  expect(first.output).toMatch(/Frontier[^]*Winner[^]*8 questions held out[^]*abacus:tuned/);
  expect(first.code).toBe(0);

  const { fields } = JSON.parse(await textIn(join(whole, "tuning.json"))) as { fields: { sampler: string } };
  const after: unknown = JSON.parse(await textIn(join(model, "generation_config.json")));
  expect(after).toEqual({ ...before, metropolis: { ...before.metropolis, presets: { tuned: fields } } });

  const child = spawn(process.execPath, [commandPath, ...tuning, "--model", model, "--out", killed], {
    stdio: "ignore",
  });
  const results = join(killed, "results.jsonl");
  const linesIn = async (): Promise<number> => (await textIn(results)).split("\n").length - 1;
  await expect.poll(linesIn, { interval: 5 }).toBeGreaterThan(4);
  child.kill("SIGKILL");
  await once(child, "exit");
  expect(await textIn(join(killed, "tuning.json"))).toBe("");
  expect((await runCommand([...tuning, "--model", model, "--out", killed])).code).toBe(0);
  expect(await textIn(join(killed, "tuning.json"))).toBe(await textIn(join(whole, "tuning.json")));

  // Answers of another model in the same place are not mixed with these.
  await cp("models/abacus-grpo", model, { recursive: true });
  const other = await runCommand([...tuning, "--model", model, "--out", killed]);
  expect(other.output).toMatch(/another evaluation: modelFiles differs/);
  expect(other.code).not.toBe(0);
});

it.each<[string[], RegExp]>([
  [[], /required option '--data <file>'/],
  [["--budget", "0.5"], /--budget.*from 1 to 64/],
  [["--preset", "greedy"], /--preset.*none of the samplers/],
  [["--preset", "a:b"], /--preset.*1 to 64 letters/],
  [["--n", "4"], /unknown option '--n'/],
  [["--samplers", "smc,best"], /'best' is none of/],
  [["--limit", "6"], /6 questions are too few/],
  [["--model", "models/abacus,models/pivot"], /one model is tuned at a time/],
  [["--samplers", "smc", "--kernel", "tempering"], /--kernel: its values mean nothing/],
  [
    ["--plain", "--samplers", "power", "--url", "http://127.0.0.1:1"],
    /--samplers: a server without our fields/,
  ],
  [["--preset", "a", "--url", "http://127.0.0.1:1"], /--preset changes generation_config\.json/],
  [["--write", "--model", "org/none"], /--write changes generation_config\.json/],
])("says what is wrong in a line: %s", async (args, message) => {
  const data = args.length === 0 ? [] : ["--data", "models/abacus/test.jsonl"];
  const { code, output } = await runCommand(["tune", ...data, "--out", join(folder, "bad"), ...args]);
  expect(output).toMatch(message);
  expect(output).toMatch(/^error: [^\n]*\n?$/);
  expect(code).toBe(1);
});
