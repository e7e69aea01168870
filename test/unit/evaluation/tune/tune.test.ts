import { describe, expect, it } from "vitest";
import { uniform } from "../../../../src/core/random.ts";
import type { Configuration } from "../../../../src/evaluation/configurations.ts";
import type { DataItem } from "../../../../src/evaluation/data-set.ts";
import type { Results } from "../../../../src/evaluation/result-file.ts";
import type { Result } from "../../../../src/evaluation/result.ts";
import { lapsOf } from "../../../../src/evaluation/tune/race.ts";
import type { Lap } from "../../../../src/evaluation/tune/race.ts";
import { splitQuestions } from "../../../../src/evaluation/tune/split.ts";
import { storedAnswers } from "../../../../src/evaluation/tune/stored-answers.ts";
import type { Ask } from "../../../../src/evaluation/tune/stored-answers.ts";
import { tune } from "../../../../src/evaluation/tune/tune.ts";
import type { Tuned } from "../../../../src/evaluation/tune/tune.ts";
import { tunedWords } from "../../../../src/evaluation/tune/words.ts";
import { storedResults } from "../../../support/stored-results.ts";

/** How often a configuration is right, and what its answer costs. */
interface Truth {
  readonly right: number;
  readonly cost: number;
  /** What it costs from the ninth question on. */
  readonly later?: number;
  /** Whether it is right or wrong about a question as a whole, so that votes do not help. */
  readonly isSteady?: boolean;
}

const configuration = (sampler: string, fields: object = {}): Configuration => ({
  name: [sampler, ...Object.entries(fields).map(([name, value]) => `${name} ${String(value)}`)].join(", "),
  fields: { sampler, ...fields } as Configuration["fields"],
});

const plain: [Configuration, Truth][] = [
  [configuration("standard"), { right: 0.3, cost: 10 }],
  [configuration("greedy"), { right: 0.3, cost: 10 }],
  [configuration("low_temperature", { alpha: 2 }), { right: 0.35, cost: 10 }],
  [configuration("low_temperature", { alpha: 4 }), { right: 0.4, cost: 10 }],
];
const good = configuration("power", { alpha: 4 });
const bad = [2, 3, 5, 6, 7].map((alpha) => configuration("power", { alpha }));
const dear = configuration("smc", { particles: 64 });
const table = new Map<Configuration, Truth>([
  ...plain,
  [good, { right: 0.9, cost: 30 }],
  ...bad.map((one): [Configuration, Truth] => [one, { right: 0.1, cost: 20 }]),
  [dear, { right: 1, cost: 200 }],
]);

const items = Array.from({ length: 80 }, (_, index): DataItem => ({
  ...{ id: `q${index}`, prompt: "?", messages: undefined, answer: "1" },
  ...{ grader: { type: "last_number" }, stop: [] },
}));

/** Answers as the table says; a run that is killed gives so many and fails. */
const askTable =
  (truth: ReadonlyMap<Configuration, Truth>, mostResults = Infinity, asked: string[] = []): Ask =>
  async ({ items: questions, configurations, n, file, seed }) => {
    for (const [index, { id }] of questions.entries()) {
      for (const one of configurations) {
        if (file.results.some((result) => result.configuration === one.name && result.id === id)) continue;
        if (asked.length >= mostResults) throw new Error("killed");
        asked.push(`${one.name} ${id}`);
        const place = [...truth.keys()].indexOf(one);
        const { right, isSteady = false, ...costs } = truth.get(one)!;
        const cost = seed + index < 5 + 8 ? costs.cost : (costs.later ?? costs.cost);
        const answers = Array.from({ length: n }, (_, choice) => {
          const key = { seed: seed + index, choice, stage: place, step: 0 };
          const isCorrect = uniform({ ...key, choice: isSteady ? 0 : choice }, "token") < right;
          const answer = isCorrect ? "1" : isSteady ? "wrong" : `wrong ${uniform(key, "cut")}`;
          return { answer, isCorrect, evaluated: cost, logprob: -uniform(key, "accept") };
        });
        const [result] = storedResults(one.fields, [answers]);
        await file.append({ ...result!, configuration: one.name, id, seed: seed + index });
      }
    }
  };

const inMemory = (): Results => {
  const results: Result[] = [];
  return {
    results,
    append: (next) => {
      results.push(next);
      return Promise.resolve();
    },
  };
};

interface Run {
  readonly truth?: ReadonlyMap<Configuration, Truth>;
  /** Results of prices and of answers. */
  readonly stored?: readonly [Results, Results];
  readonly mostResults?: number;
  readonly asked?: string[];
  readonly budget?: number;
}
async function run({
  truth = table,
  stored: [prices, file] = [inMemory(), inMemory()],
  mostResults,
  asked = [],
  budget = 4,
}: Run = {}) {
  const halves = splitQuestions(items, 5);
  const order = [...halves.search, ...halves.heldOut];
  const ask = askTable(truth, mostResults, asked);
  const laps: Lap[] = [];
  const tuned: Tuned = await tune({
    ...{ ...halves, configurations: [...truth.keys()], budget },
    rules: ["single", "vote"],
    prices: storedAnswers(prices, ask, order, 5),
    answers: storedAnswers(file, ask, order, 5),
    onLap: (lap) => laps.push(lap),
  });
  return { tuned, laps, asked };
}

describe("the race", () => {
  it("keeps the best, drops the bad after few questions, and never asks more than a price of what is too dear", async () => {
    const { tuned, laps, asked } = await run();
    expect(tuned.winner).toMatchObject({ configuration: good, rule: "single", k: 1, cost: 30 });
    expect(tuned.tooDear).toEqual([dear.name]);
    expect(asked.filter((what) => what.startsWith(dear.name))).toHaveLength(4);
    expect(laps.map(({ questions }) => questions)).toEqual([8, 16, 32, 40]);
    const names = laps.map(({ left }) => left.map((entrant) => entrant.configuration));
    for (const left of names) expect(left).toContain(good);
    for (const one of bad) expect(names[1]).not.toContain(one);
    // What is out is not asked again, on either half.
    for (const one of bad) {
      const times = asked.filter((what) => what.startsWith(`${one.name} `)).length;
      expect(times).toBeLessThanOrEqual(4 + 16);
    }
  });

  it("measures the winner and the plain ones where nothing was chosen", async () => {
    const { tuned, asked } = await run();
    const held = tuned.heldOut.map(({ configuration: one, rule, k }) => [one.name, rule, k]);
    expect(held).toEqual([
      [good.name, "single", 1],
      ["greedy", "single", 1],
      ["low_temperature, alpha 4", "single", 1],
      ["standard", "single", 1],
      ["standard", "vote", 4],
      ["low_temperature, alpha 4", "vote", 4],
    ]);
    const { heldOut } = splitQuestions(items, 5);
    for (const name of [good.name, "standard", "greedy"])
      for (const { id } of heldOut) expect(asked).toContain(`${name} ${id}`);
    const [winner, ...others] = tuned.heldOut;
    expect(winner!.accuracy.low).toBeLessThan(0.9);
    expect(winner!.accuracy.high).toBeGreaterThan(0.9);
    for (const { gain } of others) expect(gain!.low).toBeGreaterThan(0);
    const words = tunedWords(tuned, heldOut.length).join("\n");
    expect(words).toMatch(/The winner is better than greedy/);
    expect(words).not.toMatch(/is as good/);
    const costs = tuned.frontier.map(({ cost }) => cost);
    expect(costs).toEqual(costs.toSorted((a, b) => a - b));
    expect(tuned.frontier.at(-1)).toMatchObject({ label: good.name, cost: 30 });
  });

  it("says when plain low temperature is as good, or is the winner itself", async () => {
    const alike = new Map<Configuration, Truth>([
      ...plain.slice(0, 2),
      [configuration("low_temperature", { alpha: 2 }), { right: 0.8, cost: 10, isSteady: true }],
      [good, { right: 0.8, cost: 39, isSteady: true }],
    ]);
    const { tuned } = await run({ truth: alike });
    const words = tunedWords(tuned, 40).join("\n");
    expect(words).toMatch(
      /low_temperature, alpha 2, one answer is as good|Plain sampling does: the winner is low_temp/,
    );
  });

  it("takes a vote where that is best, for as many answers as the budget pays", async () => {
    const voters = new Map<Configuration, Truth>([
      [plain[0]![0], { right: 0.75, cost: 10 }],
      [plain[1]![0], { right: 0.2, cost: 10 }],
      [plain[2]![0], { right: 0.2, cost: 10 }],
    ]);
    const { tuned } = await run({ truth: voters, budget: 8 });
    expect(tuned.winner).toMatchObject({ rule: "vote", cost: tuned.winner.k * 10 });
    expect(tuned.winner.k).toBeGreaterThan(3);
    expect(tuned.winner.k).toBeLessThanOrEqual(8);
    expect(tunedWords(tuned, 40).join("\n")).toMatch(
      /Plain sampling does: the winner is standard, a vote of \d/,
    );
  });

  it("goes on where all that was left turns out to be beyond the budget", async () => {
    const surprising = new Map<Configuration, Truth>([
      ...plain.slice(0, 3).map(([one, truth]): [Configuration, Truth] => [one, { ...truth, right: 0.1 }]),
      [good, { right: 1, cost: 38, later: 60 }],
    ]);
    const { tuned, laps } = await run({ truth: surprising });
    expect(laps[0]!.left.map(({ configuration: one }) => one)).toEqual([good]);
    expect(tuned.winner.configuration.fields.sampler).toBe("standard");
    expect(tuned.winner.cost).toBeLessThanOrEqual(40);
  });

  it("ends the same wherever it was killed, and asks nothing twice", async () => {
    const whole = await run();
    const total = whole.asked.length;
    for (const at of [0, 30, 100, Math.floor(total / 2), total - 1]) {
      const stored = [inMemory(), inMemory()] as const;
      const asked: string[] = [];
      await expect(run({ stored, mostResults: at, asked })).rejects.toThrow("killed");
      const again = await run({ stored, asked });
      expect(again.tuned).toEqual(whole.tuned);
      expect(again.laps).toEqual(whole.laps);
      expect(asked).toHaveLength(total);
    }
  });
});

it("laps double to all questions", () => {
  expect(lapsOf(4)).toEqual([4]);
  expect(lapsOf(8)).toEqual([8]);
  expect(lapsOf(30)).toEqual([8, 16, 30]);
  expect(lapsOf(64)).toEqual([8, 16, 32, 64]);
});

describe("the split", () => {
  it("has every question once, in halves that the seed decides", () => {
    for (const length of [0, 1, 2, 7, 60]) {
      const all = Array.from({ length }, (_, index) => index);
      const { search, heldOut } = splitQuestions(all, 1);
      expect([...search, ...heldOut].toSorted((a, b) => a - b)).toEqual(all);
      expect(search).toHaveLength(Math.ceil(length / 2));
    }
    const all = Array.from({ length: 60 }, (_, index) => index);
    expect(splitQuestions(all, 1)).toEqual(splitQuestions(all, 1));
    expect(splitQuestions(all, 1)).not.toEqual(splitQuestions(all, 2));
  });

  it("puts each question into either half about as often", () => {
    const counts = Array.from({ length: 8 }, () => 0);
    for (let seed = 0; seed < 400; seed++)
      for (const question of splitQuestions([0, 1, 2, 3, 4, 5, 6, 7], seed).search) counts[question]!++;
    // Binomial, 400 of 1/2: five standard deviations.
    for (const count of counts) expect(Math.abs(count - 200)).toBeLessThan(50);
  });
});
