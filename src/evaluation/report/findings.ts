import type { Analysis } from "../analysis.ts";
import { accuracyWords, budgetSentence, headline, spendable } from "../compute/words.ts";
import type { GroupKnowledge } from "../likelihood/knowledge.ts";
import { knowledgeWords } from "../likelihood/words.ts";

/** What came out, in sentences: who wins first of all, then at which budget, then whether likelihood knows. */
export function findings({ summaries, compute, likelihood }: Analysis): readonly [string, ...string[]] {
  const [first] = summaries;
  const [main] = Object.values(compute.matched);
  const own =
    first === undefined
      ? ""
      : `${first.label} is right in ${accuracyWords(first.accuracy)} with one answer. `;
  return [
    own + (main === undefined ? "" : headline(main)),
    ...(main === undefined ? [] : spendable(main).map((budget) => budgetSentence(budget, main.kind))),
    ...baselines(likelihood).map(knowledgeWords),
  ];
}

/** The first configuration of each model, which is the nearest to its own law, that has something to tell. */
export function baselines(all: readonly GroupKnowledge[]): GroupKnowledge[] {
  const models = [...new Set(all.map(({ model }) => model))];
  return models.flatMap((model) => {
    const own = all.filter((one) => one.model === model);
    return own.find(({ askable }) => askable > 0) ?? own.slice(0, 1);
  });
}
