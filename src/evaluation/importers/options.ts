import { uniform } from "../../core/random.ts";
import { InferenceError } from "../../core/errors.ts";
import type { Exercise } from "./exercise.ts";

/** As many as a choice can be read of. */
export const letters = "ABCDEFGHIJ";

interface Choice {
  readonly question: string;
  readonly options: readonly string[];
  /** Place of the right one. */
  readonly right: number;
  /** The worked solution, where one is known that ends in "The answer is (X)". */
  readonly solution?: string | undefined;
}

/** A question of several options, under letters. @param at the place in the file, for the error */
export function chooseAmong(
  { question, options, right, solution }: Choice,
  at: string,
): Omit<Exercise, "id"> {
  if (options.length > letters.length) {
    throw new InferenceError(
      "invalid_request",
      `${at}: there are ${options.length} options, and choices go from A to ${letters.at(-1)!}.`,
    );
  }
  if (right < 0 || right >= options.length) {
    throw new InferenceError(
      "invalid_request",
      `${at}: the right one is none of the ${options.length} options.`,
    );
  }
  const answer = letters[right]!;
  return {
    question: [question, "", ...options.map((option, place) => `(${letters[place]!}) ${option}`)].join("\n"),
    instruction:
      "Reason step by step, and end with: The answer is (X), where X is the letter of the right option.",
    solution: solution ?? `The answer is (${answer}).`,
    answer,
    grader: "choice",
  };
}

/** Fisher-Yates. */
export function shuffle<Member>(
  members: readonly Member[],
  { seed, record }: { seed: number; record: number },
): Member[] {
  const order = [...members];
  for (let last = order.length - 1; last > 0; last--) {
    const u = uniform({ seed, choice: 0, stage: 0, step: record }, "token", last);
    const place = Math.floor(u * (last + 1));
    [order[last], order[place]] = [order[place]!, order[last]!];
  }
  return order;
}
