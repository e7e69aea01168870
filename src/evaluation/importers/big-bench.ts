import { basename } from "node:path";
import { z } from "zod";
import { InferenceError } from "../../core/errors.ts";
import { valueOfNumber } from "../../selection/answers/number.ts";
import { parseJson } from "../json-lines.ts";
import type { Exercise } from "./exercise.ts";
import { optional, parseRow } from "./importer.ts";
import type { ParseOptions } from "./importer.ts";
import { chooseAmong, shuffle } from "./options.ts";

const target = z.union([z.string(), z.number().transform(String)]);

const example = z
  .object({
    input: z.string().min(1),
    target: optional(z.union([target, z.array(target)])),
    target_scores: optional(z.record(z.string(), z.number())),
  })
  .refine(
    ({ target: targets = [], target_scores: scores }) => [targets].flat().length > 0 || scores !== undefined,
    { error: "an example has target or target_scores" },
  );

const task = z.object({
  name: optional(z.string().min(1)),
  task_prefix: optional(z.string()),
  examples: z.array(z.unknown()).min(1),
});

/**
 * A task of BIG-bench, its task.json, or of BIG-bench Hard, which has no name in it: examples of input and target, or of input and target_scores, whose options the
 * seed puts in order. Of several targets each is right.
 */
export function parseBigBench(text: string, { name, seed }: ParseOptions): Exercise[] {
  const {
    name: taskName = basename(name, ".json"),
    task_prefix: prefix = "",
    examples,
  } = parseRow(task, parseJson(text, name), name);
  return examples.map((value, record) => {
    const at = `${name}, example ${record + 1}`;
    const { input, target: targets = [], target_scores: scores } = parseRow(example, value, at);
    const question = `${prefix}${input}`.trim();
    const own = scores === undefined ? undefined : choice({ question, scores, order: { seed, record } }, at);
    return { id: `${taskName}-${record}`, ...(own ?? freeAnswer(question, [targets].flat())) };
  });
}

function choice(
  asked: {
    readonly question: string;
    readonly scores: Readonly<Record<string, number>>;
    readonly order: { readonly seed: number; readonly record: number };
  },
  at: string,
): Omit<Exercise, "id"> {
  const { question, scores, order } = asked;
  const best = Math.max(...Object.values(scores));
  if (Object.values(scores).filter((score) => score === best).length > 1) {
    throw new InferenceError(
      "invalid_request",
      `${at}: several options of target_scores have the best score.`,
    );
  }
  const options = shuffle(Object.keys(scores), order);
  const right = options.findIndex((option) => scores[option] === best);
  return chooseAmong({ question, options, right }, at);
}

function freeAnswer(question: string, targets: readonly string[]): Omit<Exercise, "id"> {
  const [answer = ""] = targets;
  const asked = { question, solution: answer, answer };
  if (targets.length > 1) {
    const pattern = `^\\s*(?:${targets.map(escape).join("|")})\\s*$`;
    return { ...asked, instruction: alone, grader: { type: "regex", pattern } };
  }
  return valueOfNumber(answer) === undefined
    ? { ...asked, instruction: alone, grader: "exact" }
    : { ...asked, instruction: "Answer with the number alone.", grader: "last_number" };
}

const alone = "Give the answer alone.";

const escape = (text: string): string => text.trim().replace(/[.*+?^${}()|[\]\\/]/g, String.raw`\$&`);
