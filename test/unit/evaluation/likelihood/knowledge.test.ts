import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { groupResults } from "../../../../src/evaluation/groups.ts";
import { comparePairs, meanArea, pooledArea } from "../../../../src/evaluation/likelihood/auc.ts";
import { knowledgeOf } from "../../../../src/evaluation/likelihood/knowledge.ts";
import type { GroupKnowledge } from "../../../../src/evaluation/likelihood/knowledge.ts";
import { knowledgeWords } from "../../../../src/evaluation/likelihood/words.ts";
import { storedResults } from "../../../support/stored-results.ts";
import type { ToldAnswer } from "../../../support/stored-results.ts";

const scored = fc.array(fc.record({ score: fc.integer({ min: 0, max: 5 }), isCorrect: fc.boolean() }), {
  maxLength: 12,
});

describe("the area under the ROC curve", () => {
  it("is Mann and Whitney's U over the number of pairs, of the ranks of the right ones", () => {
    fc.assert(
      fc.property(scored, (answers) => {
        // U = R − r(r+1)/2, R being the sum of the right ones' ranks, equals sharing the mean of theirs.
        const ranks = answers.map(
          ({ score }) =>
            answers.filter((other) => other.score < score).length +
            (answers.filter((other) => other.score === score).length + 1) / 2,
        );
        const right = answers.filter(({ isCorrect }) => isCorrect).length;
        const sum = ranks.reduce((total, rank, index) => total + (answers[index]!.isCorrect ? rank : 0), 0);
        const { count, won } = comparePairs(answers);
        expect(count).toBe(right * (answers.length - right));
        expect(won).toBeCloseTo(count === 0 ? 0 : sum - (right * (right + 1)) / 2, 9);
      }),
    );
  });

  it("is averaged over questions, or pooled over pairs; questions of one mind are left out", () => {
    const [sure, mixed, agreed] = [
      { count: 1, won: 1 },
      { count: 4, won: 2 },
      { count: 0, won: 0 },
    ];
    expect(meanArea([sure, mixed, agreed]).value).toBe(0.75);
    expect(pooledArea([sure, mixed, agreed]).value).toBe(0.6);
    expect(meanArea([agreed]).value).toBeNaN();
    expect(pooledArea([]).value).toBeNaN();
  });
});

const knows = (answers: (place: number) => ToldAnswer[], questions = 30): GroupKnowledge =>
  knowledgeOf(
    groupResults(
      storedResults(
        { sampler: "standard" },
        Array.from({ length: questions }, (_, place) => answers(place)),
      ),
      questions,
    ).finished[0]!,
  );

const pair = (right: number, wrong: number): ToldAnswer[] => [
  { answer: "1", isCorrect: true, logprob: right, entropy: -right },
  { answer: "2", isCorrect: false, logprob: wrong, entropy: 1 },
];

describe("whether likelihood knows", () => {
  const verdictOf = ({ knowledge }: GroupKnowledge): string =>
    knowledge.find(({ signal }) => signal === "logprob")!.verdict;

  it("is decided by the interval against a coin", () => {
    const sure = knows((place) => (place % 5 === 0 ? pair(-2, -1) : pair(-1, -2)));
    const coin = knows((place) => (place % 2 === 0 ? pair(-2, -1) : pair(-1, -2)));
    const wrong = knows((place) => (place % 5 === 0 ? pair(-1, -2) : pair(-2, -1)));
    expect([sure, coin, wrong].map(verdictOf)).toEqual(["knows", "unclear", "misleads"]);
    expect(knowledgeWords(sure)).toMatch(
      /the likelier in 0\.800 \[.*\] \(a coin: 0\.5; asked of 100 % .*tells right from wrong here/,
    );
    expect(knowledgeWords(coin)).toMatch(
      /not shown to tell .* neither sharpening .* can be expected to help/,
    );
    expect(knowledgeWords(wrong)).toMatch(/wrong answers are the likelier ones .* makes answers worse/);
  });

  it("is asked of questions with both kinds of answers alone", () => {
    const rarely = knows((place) => (place < 3 ? pair(-1, -2) : pair(-1, -2).slice(0, 1)));
    expect(rarely.askable).toBeCloseTo(0.1);
    const never = knows(() => pair(-1, -2).slice(0, 1));
    expect(never.askable).toBe(0);
    expect(verdictOf(never)).toBe("unasked");
    expect(knowledgeWords(never)).toMatch(/no question has both/);
  });

  it("is not decided by a few questions that happen to agree", () => {
    const rarely = knows((place) => (place < 2 ? pair(-1, -2) : pair(-1, -2).slice(0, 1)));
    expect(rarely.knowledge[0]!.area).toMatchObject({ value: 1, high: 1 });
    expect(verdictOf(rarely)).toBe("unclear");
  });

  it("has entropy count the other way round, and says which signal knows where log p does not", () => {
    const confident = knows((place) =>
      pair(-1, -1).map((one, index) => ({ ...one, entropy: index === 0 ? 0.5 : 1 + (place % 2) })),
    );
    expect(confident.knowledge.find(({ signal }) => signal === "entropy")!.area.value).toBe(1);
    expect(confident.knowledge.find(({ signal }) => signal === "logprob")!.area.value).toBe(0.5);
    expect(knowledgeWords(confident)).toMatch(/What does tell them apart: entropy\.$/);
  });
});
