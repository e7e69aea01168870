import type { Result, Sample } from "../../src/evaluation/result.ts";

/** An answer as a test says it: what was read, whether that is right, its log p, and what it cost. */
export interface ToldAnswer {
  readonly answer: string | undefined;
  readonly isCorrect: boolean;
  readonly logprob?: number;
  readonly entropy?: number;
  readonly evaluated?: number;
  readonly drawn?: number;
}

/** Stored answers of a configuration, a list a question; the questions are called 0, 1, … */
export const storedResults = (
  fields: Result["fields"],
  questions: readonly (readonly ToldAnswer[])[],
  { sharedSeconds = 1, model = "m" }: { readonly sharedSeconds?: number; readonly model?: string } = {},
): Result[] =>
  questions.map((answers, place) => ({
    ...{ model, source: model, fields, seed: place, seconds: 2 * sharedSeconds, sharedSeconds },
    configuration: Object.values(fields).join(", "),
    id: String(place),
    samples: answers.map(toSample),
  }));

const toSample = ({
  answer,
  isCorrect,
  logprob = -1,
  entropy = 1,
  evaluated = 10,
  drawn = evaluated,
}: ToldAnswer): Sample => ({
  ...{ text: answer ?? "…", answer: answer ?? "…", isCorrect, tokens: 10, finish: "stop" },
  ...(answer === undefined ? { isUnanswered: true } : {}),
  ...{ evaluatedTokens: evaluated, drawnTokens: drawn },
  likelihood: { tokens: 10, logprob, meanEntropy: entropy },
});
