import { lastBoxed } from "../../selection/answers/box.ts";
import { letterOf, settledChoice } from "../../selection/answers/choice.ts";
import { lastNumber, valueOfNumber } from "../../selection/answers/number.ts";
import type { DataItem, GraderSettings } from "../data-set.ts";
import { passesCommand } from "./command.ts";
import { isSameMathematics } from "./mathematics/mathematics.ts";
import { passesPython } from "./python/passes-python.ts";
import { findPython } from "./python/sandbox.ts";

export interface Grade {
  readonly isCorrect: boolean;
  /** What was taken for the answer, to count different ones; the whole text where nothing was found. */
  readonly answer: string;
  /** Whether nothing was found. */
  readonly isUnanswered?: true;
}

/** Finds an answer in a text, and says whether it is the reference. */
interface Reading {
  readonly read: (text: string) => string | undefined;
  readonly isSame: (answer: string, reference: string) => boolean;
}

function isSameNumber(answer: string, reference: string): boolean {
  const [value, wanted] = [valueOfNumber(answer), valueOfNumber(reference)];
  return value !== undefined && wanted !== undefined && value.equals(wanted);
}

/** What a solution of the embedded models' tasks arrives at: the number after a # at its end. */
const afterHash = (text: string): string | undefined => /#(-?\d+)$/.exec(text.trim())?.[1];

const isSameText = (answer: string, reference: string): boolean => answer === reference.trim();

/** Graders that read an answer out of the text. */
const readings: Readonly<Record<Exclude<GraderSettings["type"], "regex" | "command" | "python">, Reading>> = {
  exact: { read: (text) => text.trim(), isSame: isSameText },
  last_number: { read: lastNumber, isSame: isSameNumber },
  boxed: {
    read: lastBoxed,
    isSame: (answer, reference) => isSameMathematics(answer, lastBoxed(reference) ?? reference),
  },
  choice: { read: settledChoice, isSame: (answer, reference) => answer === letterOf(reference) },
  abacus: { read: afterHash, isSame: isSameText },
  pivot: { read: afterHash, isSame: isSameText },
};

export interface GradeOptions {
  /** Whether the code of a model may run where no sandbox holds it. */
  readonly allowUnsandboxedCode?: boolean;
}

/** Judges a completion by the item's own grader. @throws InferenceError when a program cannot be run */
export async function grade(
  text: string,
  { answer: reference, grader }: Pick<DataItem, "answer" | "grader">,
  { allowUnsandboxedCode: allowUnsandboxed = false }: GradeOptions = {},
): Promise<Grade> {
  const whole = text.trim();
  switch (grader.type) {
    case "regex":
      return { answer: whole, isCorrect: new RegExp(grader.pattern ?? reference, "su").test(text) };
    case "command":
      return { answer: whole, isCorrect: await passesCommand(grader.command, { text, answer: reference }) };
    case "python":
      return {
        answer: whole,
        isCorrect: await passesPython(grader, text, await findPython({ allowUnsandboxed })),
      };
    default: {
      const { read, isSame } = readings[grader.type];
      const answer = read(text);
      if (answer === undefined) return { answer: whole, isCorrect: false, isUnanswered: true };
      return { answer, isCorrect: isSame(answer, reference) };
    }
  }
}
