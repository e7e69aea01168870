import { resampleRatio, shareBounds } from "../statistics.ts";
import type { Resampled } from "../statistics.ts";

/** A score of an answer, and whether the answer is right. */
export interface Scored {
  readonly score: number;
  readonly isCorrect: boolean;
}

/** Pairs of a right and a wrong answer to one question. */
export interface Pairs {
  readonly count: number;
  /** Those whose right answer has the higher score; one with equal scores is half a pair. */
  readonly won: number;
}

/**
 * Of one question: won / count is the area under the ROC curve, the probability that a right answer has the higher score
 * than a wrong one (Mann & Whitney 1947).
 */
export function comparePairs(answers: readonly Scored[]): Pairs {
  const right = answers.filter(({ isCorrect }) => isCorrect);
  const wrong = answers.filter(({ isCorrect }) => !isCorrect);
  let won = 0;
  for (const { score } of right)
    for (const other of wrong) won += score > other.score ? 1 : score === other.score ? 0.5 : 0;
  return { count: right.length * wrong.length, won };
}

/** The mean of the questions' areas, over those that have a pair; NaN where none has. */
export const meanArea = (questions: readonly Pairs[]): Resampled =>
  resampleRatio(
    questions.map(({ count, won }) => (count === 0 ? 0 : won / count)),
    questions.map(({ count }) => (count === 0 ? 0 : 1)),
    shareBounds,
  );

/** The area over all pairs of all questions, so that a question with more pairs counts for more. */
export const pooledArea = (questions: readonly Pairs[]): Resampled =>
  resampleRatio(
    questions.map(({ won }) => won),
    questions.map(({ count }) => count),
    shareBounds,
  );
