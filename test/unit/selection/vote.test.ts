import { describe, expect, test } from "vitest";
import type { Candidate } from "../../../src/selection/candidate.ts";
import { ordered } from "../../../src/selection/order.ts";
import { elected, tally } from "../../../src/selection/vote.ts";

const candidate = (index: number, more: Partial<Candidate>): Candidate => ({
  ...{ index, logprob: -10, tokens: 10 },
  ...more,
});
const orderOf = (rule: Parameters<typeof ordered>[1], ...candidates: Partial<Candidate>[]): number[] =>
  ordered(
    candidates.map((more, index) => candidate(index, more)),
    rule,
  ).map(({ index }) => index);

describe("order", () => {
  test("goes by what its rule says", () => {
    expect(orderOf("logprob", { logprob: -3 }, { logprob: -1 }, { logprob: -2 })).toEqual([1, 2, 0]);
    const long = { logprob: -3, tokens: 30 };
    expect(orderOf("mean_logprob", { logprob: -2, tokens: 4 }, long)).toEqual([1, 0]);
    expect(orderOf("self_certainty", { selfCertainty: 1 }, { selfCertainty: 3 })).toEqual([1, 0]);
    expect(orderOf("entropy", { meanEntropy: 2 }, { meanEntropy: 0.5 })).toEqual([1, 0]);
  });

  test("breaks ties by likelihood, then by index", () => {
    const tied = { meanEntropy: 1, selfCertainty: 1 };
    const two = { ...tied, logprob: -2 };
    expect(orderOf("entropy", tied, two, two)).toEqual([1, 2, 0]);
    expect(orderOf("self_certainty", tied, two, two)).toEqual([1, 2, 0]);
    expect(orderOf("logprob", two, two)).toEqual([0, 1]);
  });

  test("puts what was not begun last, though nothing is its log p", () => {
    const unbegun = { logprob: 0, tokens: 0, meanEntropy: 0 };
    for (const rule of ["logprob", "mean_logprob", "entropy", "self_certainty"] as const)
      expect(orderOf(rule, unbegun, { meanEntropy: 4, selfCertainty: 1 })).toEqual([1, 0]);
    expect(orderOf("logprob", unbegun, { logprob: -Infinity })).toEqual([0, 1]);
  });
});

describe("vote", () => {
  const of = (...given: (readonly [string | undefined, number])[]) =>
    given.map(([answer, logprob], index) => candidate(index, { answer, logprob }));

  test("counts answers, shares, and those without one", () => {
    const votes = tally(of(["5", -3], ["7", -1], [undefined, -0.1], ["5", -2]));
    expect(votes).toMatchObject({ voters: 3, unanswered: 1 });
    expect(votes.answers.map(({ answer, count, share }) => ({ answer, count, share }))).toEqual([
      { answer: "5", count: 2, share: 2 / 3 },
      { answer: "7", count: 1, share: 1 / 3 },
    ]);
    expect(votes.answers[0]!.candidates.map(({ index }) => index)).toEqual([3, 0]);
  });

  test("elects the likeliest completion of the most voted answer", () => {
    expect(elected(of(["5", -3], ["7", -1], ["5", -2]))?.index).toBe(2);
  });

  test("of as many votes the likelier answer wins, then the earlier", () => {
    expect(elected(of(["5", -3], ["7", -1], ["5", -2], ["7", -9]))?.answer).toBe("7");
    expect(elected(of(["5", -1], ["7", -1]))?.answer).toBe("5");
  });

  test("without any answer the likeliest completion is returned", () => {
    expect(elected(of([undefined, -3], [undefined, -2]))?.index).toBe(1);
    expect(elected([])).toBeUndefined();
  });
});
