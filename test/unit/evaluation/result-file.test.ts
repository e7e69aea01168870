import { appendFile, mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ResultFile } from "../../../src/evaluation/result-file.ts";
import type { Result } from "../../../src/evaluation/result.ts";

const folder = await mkdtemp(join(tmpdir(), "metropolis-results-"));
const evaluation = { n: 1 };

const resultOf = (id: string, text = id): Result => ({
  model: "m",
  source: "s",
  configuration: "standard",
  fields: { sampler: "standard" },
  id,
  seed: 1,
  seconds: 1,
  samples: [
    {
      text,
      answer: "",
      isCorrect: true,
      tokens: 1,
      evaluatedTokens: 1,
      drawnTokens: 1,
      finish: "stop",
      likelihood: null,
    },
  ],
});

describe("a result file", () => {
  it("keeps lines whole that are longer than one write and come at once", async () => {
    const path = join(folder, "long.jsonl");
    const results = ["a", "b", "c"].map((id) => resultOf(id, id.repeat(1_500_000)));
    {
      await using file = await ResultFile.open(path, evaluation);
      await Promise.all(results.map((result) => file.append(result)));
    }
    await using file = await ResultFile.open(path, evaluation);
    expect(file.results).toEqual(results);
  });

  it("counts a question once that two runs have answered", async () => {
    const path = join(folder, "twice.jsonl");
    {
      const opening = [0, 1].map(() => ResultFile.open(path, evaluation));
      await using one = await opening[0]!;
      await using other = await opening[1]!;
      await one.append(resultOf("a"));
      await other.append({ ...resultOf("a"), seconds: 2 });
    }
    await using file = await ResultFile.open(path, evaluation);
    expect(file.results).toEqual([resultOf("a")]);
  });

  it("keeps what the base could never have written", async () => {
    const path = join(folder, "impossible.jsonl");
    const [sample] = resultOf("a").samples;
    const likelihood = { tokens: 1, logprob: -Infinity, meanEntropy: 0 };
    const result = { ...resultOf("a"), samples: [{ ...sample!, likelihood }] };
    {
      await using file = await ResultFile.open(path, evaluation);
      await file.append(result);
    }
    await using file = await ResultFile.open(path, evaluation);
    expect(file.results).toEqual([result]);
  });

  it("leaves a file alone that is none of its own", async () => {
    for (const [name, text] of [
      ["line.jsonl", "my notes"],
      ["lines.jsonl", '{"id":1}\n{"id":'],
    ] as const) {
      const path = join(folder, name);
      await writeFile(path, text);
      await expect(ResultFile.open(path, evaluation), name).rejects.toThrow(/holds no evaluation/);
      expect(await readFile(path, "utf8")).toBe(text);
    }
  });

  it("begins anew where a run was killed within its first line", async () => {
    const path = join(folder, "begun.jsonl");
    await appendFile(path, '{"evaluation":{"n"');
    {
      await using file = await ResultFile.open(path, evaluation);
      expect(file.results).toEqual([]);
    }
    expect(await readFile(path, "utf8")).toBe('{"evaluation":{"n":1}}\n');
  });
});
