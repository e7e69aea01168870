import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { analyse } from "../../../../src/evaluation/analysis.ts";
import type { Budget, BudgetEntry } from "../../../../src/evaluation/compute/budgets.ts";
import { matchBudgets } from "../../../../src/evaluation/compute/budgets.ts";
import { candidateOf, outcomesOf } from "../../../../src/evaluation/compute/outcomes.ts";
import type { Rule } from "../../../../src/evaluation/compute/outcomes.ts";
import { budgetSentence, chanceWords, headline } from "../../../../src/evaluation/compute/words.ts";
import { groupResults } from "../../../../src/evaluation/groups.ts";
import type { Result } from "../../../../src/evaluation/result.ts";
import { bootstrap, mean } from "../../../../src/evaluation/statistics.ts";
import { ordered } from "../../../../src/selection/order.ts";
import { selectRules } from "../../../../src/selection/rules.ts";
import type { SelectRule } from "../../../../src/selection/rules.ts";
import { elected } from "../../../../src/selection/vote.ts";
import { storedResults } from "../../../support/stored-results.ts";
import type { ToldAnswer } from "../../../support/stored-results.ts";

function subsets<Member>(members: readonly Member[], k: number): Member[][] {
  if (k === 0) return [[]];
  return members.flatMap((first, place) =>
    subsets(members.slice(place + 1), k - 1).map((rest) => [first, ...rest]),
  );
}

/** What the server would choose of every subset of k, averaged. */
function byHand({ samples }: Result, rule: SelectRule, k: number): number {
  const chosen = subsets(samples.map(candidateOf), k).map((own) =>
    rule === "vote" ? elected(own)! : ordered(own, rule)[0]!,
  );
  return mean(chosen.map(({ index }) => (samples[index]!.isCorrect ? 1 : 0)));
}

const groupsOf = (results: readonly Result[], questions: number) => groupResults(results, questions).finished;

const answers = fc.array(
  fc.record({
    answer: fc.constantFrom(undefined, "1", "1.0", "2", "3"),
    isCorrect: fc.boolean(),
    // Ties included.
    logprob: fc.constantFrom(-1, -2, -3, -4),
    entropy: fc.constantFrom(0.1, 0.2, 0.3),
  }),
  { minLength: 6, maxLength: 6 },
);

describe("outcomes", () => {
  it("are what a server's own choice comes to, over all k of the answers", () => {
    fc.assert(
      fc.property(fc.tuple(answers, answers), (questions) => {
        const results = storedResults({ sampler: "standard" }, questions);
        const { strategies, ceiling } = outcomesOf(groupsOf(results, 2)[0]!);
        expect(strategies.map(({ rule }) => rule)).toEqual(
          ["single", ...selectRules].filter((rule) => rule !== "self_certainty"),
        );
        for (const { rule, outcomes } of strategies) {
          if (rule === "single") continue;
          expect(outcomes.map(({ k }) => k)).toEqual([1, 2, 4, 6]);
          for (const { k, accuracy } of outcomes)
            expect(accuracy.value).toBeCloseTo(mean(results.map((one) => byHand(one, rule, k))), 10);
        }
        const all = mean(results.map(({ samples }) => (samples.some((one) => one.isCorrect) ? 1 : 0)));
        expect(ceiling.at(-1)!.accuracy.value).toBe(all);
      }),
      { numRuns: 30 },
    );
  });

  it("leave out rules whose figures a server did not tell, and have one answer of who says the same always", () => {
    const right = { answer: "1", isCorrect: true };
    const [standard, greedy] = ["standard", "greedy"].map((sampler) => {
      const results = storedResults({ sampler }, [[right, right]]);
      for (const { samples } of results)
        for (const sample of samples) sample.likelihood = { tokens: 3, logprob: -1, meanEntropy: null };
      return outcomesOf(groupsOf(results, 1)[0]!);
    });
    expect(standard!.strategies.map(({ rule }) => rule)).toEqual([
      "single",
      "logprob",
      "mean_logprob",
      "vote",
    ]);
    expect(greedy!.strategies.map(({ rule }) => rule)).toEqual(["single"]);
    // The request for greedy asked for one answer, which its time was for.
    expect(standard!.costs.seconds!.value).toBe(0.5);
    expect(greedy!.costs.seconds!.value).toBe(1);
  });

  it("say nothing of costs that are not known", () => {
    const results = storedResults({ sampler: "standard" }, [[{ answer: "1", isCorrect: true }]]);
    results[0]!.samples[0]!.drawnTokens = null;
    delete results[0]!.sharedSeconds;
    const { costs } = outcomesOf(groupsOf(results, 1)[0]!);
    expect(costs.evaluated!.value).toBe(10);
    expect(costs).toMatchObject({ drawn: undefined, seconds: undefined });
  });
});

/** As many questions as needed, `right` of the first answers of each right by turns. */
const questionsOf = (rights: readonly number[], cost: (place: number) => number, n = 4): ToldAnswer[][] =>
  rights.map((right, place) =>
    Array.from({ length: n }, (_, index) => ({
      answer: index < right ? "right" : `wrong ${index}`,
      isCorrect: index < right,
      logprob: -1 - index,
      evaluated: cost(place),
    })),
  );

describe("budgets", () => {
  const rights = [4, 3, 2, 1, 0, 0, 2, 1];
  // Differs from the other by so many questions that percentiles alone are the interval.
  const better = [4, 4, 3, 2, 1, 1, 3, 1];
  const results = [
    ...storedResults(
      { sampler: "power" },
      questionsOf(better, (place) => 28 + place),
    ),
    ...storedResults(
      { sampler: "standard" },
      questionsOf(rights, (place) => 8 + (place % 4)),
    ),
    ...storedResults(
      { sampler: "greedy" },
      questionsOf([4, 0, 4, 0, 0, 0, 0, 0], () => 9),
    ),
  ];
  const groups = groupsOf(results, rights.length);
  const outcomes = groups.map((group) => outcomesOf(group));
  const matched = matchBudgets(outcomes, "evaluated")!;
  const at = (multiple: number): Budget => matched.budgets.find((one) => one.multiple === multiple)!;
  const entry = (multiple: number, label: string): BudgetEntry | undefined =>
    at(multiple).entries.find((one) => one.label === label);

  it("begin with the model's own law, and reach from one of its answers to all of them", () => {
    expect(matched.baseline).toBe("standard");
    expect(matched.budgets.map(({ multiple, cost }) => [multiple, cost])).toEqual([
      [1, 9.5],
      [2, 19],
      [4, 38],
    ]);
    expect(at(1).entries.map(({ label }) => label)).toEqual(["standard", "greedy"]);
    expect(at(4).entries.map(({ label }) => label)).toEqual(["standard", "greedy", "power"]);
    expect(entry(1, "greedy")).toMatchObject({ rule: "single", answers: 1, isBelow: true });
  });

  it("reach to the dearest answer, which the first configuration spends in answers alone that it has", () => {
    const dear = storedResults(
      { sampler: "power" },
      questionsOf(better, () => 95),
    );
    const all = groupsOf([...dear, ...results.filter(({ fields }) => fields.sampler === "standard")], 8);
    const { budgets } = matchBudgets(
      all.map((group) => outcomesOf(group)),
      "evaluated",
    )!;
    expect(budgets.map(({ multiple }) => multiple)).toEqual([1, 2, 4, 8, 16]);
    expect(budgets.at(-1)!.entries.map(({ label, isBelow }) => [label, isBelow])).toEqual([
      ["standard", true],
      ["power", false],
    ]);
  });

  it("interpolate between the two nearest counts, and resample accuracies and costs together", () => {
    const place = Math.log(38 / 31.5) / Math.log(2);
    const accuracyAt = (of: readonly number[], k: number, members: readonly number[]): number => {
      // The likeliest answers are the right ones, so that the best of k is pass@k.
      const pass = (right: number, count: number): number =>
        subsets([0, 1, 2, 3], count).filter((own) => own.some((index) => index < right)).length /
        subsets([0, 1, 2, 3], count).length;
      return mean(members.map((member) => pass(of[member]!, k)));
    };
    const members = rights.map((_, index) => index);
    const power = entry(4, "power")!;
    const [one, two] = [1, 2].map((k) => accuracyAt(better, k, members)) as [number, number];
    expect(power.answers).toBeCloseTo(38 / 31.5);
    expect(power.accuracy.value).toBeCloseTo(one + place * (two - one), 10);
    expect(entry(4, "standard")!.accuracy.value).toBeCloseTo(accuracyAt(rights, 4, members), 10);
    const difference = bootstrap(members, (own) => {
      const paid = (4 * mean(own.map((member) => 8 + (member % 4)))) / mean(own.map((member) => 28 + member));
      const share = Math.log(Math.max(1, paid)) / Math.log(2);
      const [first, second] = [1, 2].map((k) => accuracyAt(better, k, own)) as [number, number];
      return first + share * (second - first) - accuracyAt(rights, 4, own);
    });
    expect(power.difference).toEqual({
      value: expect.closeTo(difference.value, 10) as number,
      low: expect.closeTo(difference.low, 10) as number,
      high: expect.closeTo(difference.high, 10) as number,
    });
  });

  it("are put into words", () => {
    expect(budgetSentence(at(1), "evaluated")).toMatch(
      /^At 1x \(9\.5 evaluated tokens a question\): standard, one answer, 0\.406 \[.*\]; greedy, one answer \(which costs less\), −0\.156 \[.*\]: not told apart\.$/,
    );
    expect(headline(matched)).toBe(
      "At equal evaluated tokens, nothing that was asked can be told from standard.",
    );
  });

  it("tell who is better and who is worse where both spend the same", () => {
    const many = Array.from({ length: 40 }, (_, index) => index % 2);
    const law = (right: number): ToldAnswer[][] =>
      questionsOf(
        many.map((odd) => right + odd),
        () => 10,
      );
    const { compute } = analyse(
      groupsOf(
        [
          ...storedResults({ sampler: "standard" }, law(1)),
          ...storedResults({ sampler: "power", alpha: 2 }, law(2)),
          ...storedResults({ sampler: "power", alpha: 4 }, law(0)),
        ],
        many.length,
      ),
    );
    // Of four, whose likeliest answer is right, standard is always right, too.
    expect(headline(compute.matched.evaluated!)).toBe(
      "At equal evaluated tokens, power, 2 (at 1x, 2x) does better than standard. Worse: power, 4 (at 1x, 2x, 4x).",
    );
    expect(chanceWords(compute.matched.evaluated!)).toBe(
      " Each is of one comparison: of equals one in twenty is told apart by chance, and these are 6.",
    );
    expect(compute.frontiers.evaluated.map(({ label, k, rule }) => [label, k, rule])).toEqual([
      ["power, 2", 1, "single"],
      ["power, 2", 2, "logprob"],
      ["standard", 4, "logprob"],
    ] satisfies [string, number, Rule][]);
    expect(Object.keys(compute.matched)).toEqual(["evaluated", "drawn", "seconds"]);
    const dear = questionsOf(
      many.map(() => 2),
      () => 1000,
    );
    const asked = [
      storedResults({ sampler: "standard" }, law(1)),
      storedResults({ sampler: "power", alpha: 2 }, dear),
    ];
    const saidOf = (results: typeof asked): string =>
      headline(analyse(groupsOf(results.flat(), many.length)).compute.matched.evaluated!);
    expect(saidOf(asked)).toBe(
      "At equal evaluated tokens: one answer of any other costs more than all of standard.",
    );
    expect(saidOf(asked.slice(0, 1))).toBe("At equal evaluated tokens: standard alone was asked.");
  });
});
