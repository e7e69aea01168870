import { InferenceError } from "../../core/errors.ts";
import type { DataLine } from "../data-set.ts";
import type { ImportOptions } from "./importer.ts";

/** A question of a published data set, before it is settled how it is asked. */
export interface Exercise {
  readonly id: string;
  /** Options included. */
  readonly question: string;
  /** In what form to answer, for those who are shown no examples. */
  readonly instruction: string;
  /** How an example answers: it ends in the answer, in the form that the grader reads. */
  readonly solution: string;
  readonly answer: string;
  readonly grader: NonNullable<DataLine["grader"]>;
}

/** Where a text that goes on after its answer asks itself the next question. */
const stop = ["\nQuestion:"];

/**
 * The question by itself, with how to answer it; or after examples, which show that.
 * @param shots examples that come first; a question is not its own example
 * @param count how many of them: the first ones
 */
export function askExercises(
  exercises: readonly Exercise[],
  { asChat, shots = [], count }: Pick<ImportOptions, "asChat"> & Shots,
): DataLine[] {
  return exercises.map((exercise) => {
    const others = shots.filter(({ question }) => question !== exercise.question).slice(0, count);
    if (others.length < count) {
      throw new InferenceError(
        "invalid_request",
        `--k: ${count} examples are wanted, and --shots has ${others.length} for question '${exercise.id}'.`,
      );
    }
    const { id, answer, grader } = exercise;
    const asked = asChat ? asConversation(exercise, others) : asText(exercise, others);
    return { id, ...asked, answer, grader };
  });
}

interface Shots {
  readonly shots?: readonly Exercise[];
  readonly count: number;
}

const instruct = ({ question, instruction }: Exercise): string => `${question}\n\n${instruction}`;

const asConversation = (exercise: Exercise, shots: readonly Exercise[]): Pick<DataLine, "messages"> => ({
  messages: [
    ...shots.flatMap((shot) => [
      { role: "user", content: instruct(shot) },
      { role: "assistant", content: shot.solution },
    ]),
    { role: "user", content: instruct(exercise) },
  ],
});

function asText(exercise: Exercise, shots: readonly Exercise[]): Pick<DataLine, "prompt" | "stop"> {
  if (shots.length === 0) return { prompt: `${instruct(exercise)}\n\n` };
  const examples = shots.map(({ question, solution }) => `Question: ${question}\nAnswer: ${solution}\n\n`);
  return { prompt: `${examples.join("")}Question: ${exercise.question}\nAnswer:`, stop };
}
