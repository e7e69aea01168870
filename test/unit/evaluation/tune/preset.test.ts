import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { parseDataSet } from "../../../../src/evaluation/data-set.ts";
import { readGenerationConfig, writeSection } from "../../../../src/evaluation/tune/generation-config.ts";
import { answerRuleOf, defaultsOf, fieldsOf } from "../../../../src/evaluation/tune/preset.ts";
import { searchedFields, searchedSamplers, searchSpace } from "../../../../src/evaluation/tune/space.ts";

const folder = await mkdtemp(join(tmpdir(), "metropolis-tune-preset-"));
afterAll(() => rm(folder, { recursive: true }));
const path = join(folder, "generation_config.json");
const readBack = async (): Promise<unknown> => JSON.parse(await readFile(path, "utf8"));

describe("generation_config.json", () => {
  it("gets a section where it has none, where it has one, and where there is no file", async () => {
    await writeSection(folder, () => ({ alpha: 2 }));
    expect(await readBack()).toEqual({ metropolis: { alpha: 2 } });

    await writeFile(path, JSON.stringify({ eos_token_id: 16, custom: [1, { a: null }] }));
    await writeSection(folder, ({ presets }) => ({ presets: { ...presets, a: { sampler: "greedy" } } }));
    expect(await readBack()).toEqual({
      ...{ eos_token_id: 16, custom: [1, { a: null }] },
      metropolis: { presets: { a: { sampler: "greedy" } } },
    });

    await writeSection(folder, ({ presets }) => ({ presets: { ...presets, b: { sampler: "standard" } } }));
    await writeSection(folder, () => ({ alpha: 3 }));
    expect(Object.keys((await readBack()) as object)).toEqual(["eos_token_id", "custom", "metropolis"]);
    expect(await readBack()).toEqual({
      ...{ eos_token_id: 16, custom: [1, { a: null }] },
      metropolis: { alpha: 3, presets: { a: { sampler: "greedy" }, b: { sampler: "standard" } } },
    });
  });

  it.each([["[]"], ['{"metropolis": 3}'], ['{"metropolis": {"presets": []}}'], ["{"]])(
    "is left as it is where it is not as expected: %s",
    async (text) => {
      await writeFile(path, text);
      await expect(readGenerationConfig(folder)).rejects.toThrow(/generation_config\.json/);
      await expect(writeSection(folder, () => ({ alpha: 2 }))).rejects.toThrow(/generation_config\.json/);
      expect(await readFile(path, "utf8")).toBe(text);
    },
  );
});

const way = (fields: object, rule: "single" | "vote" | "logprob", k: number) => ({
  ...{
    configuration: { name: "", fields: { sampler: "power", ...fields } as { sampler: "power" } },
    rule,
    k,
  },
});

describe("a winner's fields", () => {
  it("are those of a request, choosing included", () => {
    expect(fieldsOf(way({ alpha: 2 }, "single", 1), "boxed")).toEqual({ sampler: "power", alpha: 2 });
    expect(fieldsOf(way({ alpha: 2 }, "logprob", 4), "boxed")).toEqual({
      ...{ sampler: "power", alpha: 2, best_of: 4, select: "logprob" },
    });
    expect(fieldsOf(way({}, "vote", 4), "boxed")).toEqual({
      ...{ sampler: "power", best_of: 4, select: "vote", select_answer: "boxed" },
    });
  });

  it("read answers as the graders do, where these agree", () => {
    const rulesOf = (...graders: string[]) =>
      answerRuleOf(
        parseDataSet(
          graders.map((grader, id) => JSON.stringify({ id, prompt: "?", answer: "1", grader })).join("\n"),
          { grader: "exact", allowCommands: false, allowCode: false, name: "data" },
        ),
      );
    expect(rulesOf("last_number", "last_number")).toBe("last_number");
    expect(rulesOf("exact")).toBe("text");
    const hash = rulesOf("abacus", "pivot") as { pattern: string };
    expect(new RegExp(hash.pattern).exec("3+4#7\n")?.[1]).toBe("7");
    expect(rulesOf("last_number", "boxed")).toBeUndefined();
  });

  it("are a model's defaults as far as its section has a place for them", () => {
    const { section, left } = defaultsOf(
      fieldsOf(way({ alpha: 2, warm_up: "blocks", mcmc_steps: 3, block_size: 8 }, "single", 1), undefined),
    );
    expect(section).toEqual({ alpha: 2, mcmc_steps: 3, block_size: 8 });
    expect(left).toEqual(["sampler"]);
    const particles = defaultsOf(
      fieldsOf(way({ alpha: 2, warm_up: "particles", mcmc_steps: 3 }, "vote", 4), "text"),
    );
    expect(particles.section).toEqual({ alpha: 2 });
    expect(particles.left).toEqual([
      ...["sampler", "warm_up", "mcmc_steps", "best_of", "select", "select_answer"],
    ]);
  });
});

describe("the space", () => {
  it("has every sampler, each setting once, the plain ones always", () => {
    const all = searchSpace(searchedSamplers, {});
    expect(new Set(all.map(({ name }) => name)).size).toBe(all.length);
    expect(new Set(all.map(({ fields }) => fields.sampler)).size).toBe(searchedSamplers.length + 3);
    const plain = searchSpace([], {}).map(({ fields }) => fields.sampler);
    expect(new Set(plain)).toEqual(new Set(["standard", "greedy", "low_temperature"]));
    for (const field of ["alpha", "proposal_temperature", "schedule", "cut", "kernel", "beam_width"])
      expect(searchedFields).toContain(field);
  });

  it("takes values of one's own wherever a field is searched", () => {
    const own = searchSpace(["power"], { alpha: [3], mcmc_steps: [1, 7] });
    const alphas = own.flatMap(({ fields }) => ("alpha" in fields ? [fields.alpha] : []));
    expect(new Set(alphas)).toEqual(new Set([3]));
    const steps = own.flatMap(({ fields }) => ("mcmc_steps" in fields ? [fields.mcmc_steps] : []));
    expect(new Set(steps)).toEqual(new Set([1, 7]));
  });
});
