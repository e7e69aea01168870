import { readFile } from "node:fs/promises";
import { z } from "zod";
import { InferenceError } from "../core/errors.ts";
import { fileFault } from "../files/file-fault.ts";
import { parseJson } from "./json-lines.ts";
import { keyOf, resultSchema } from "./result.ts";
import type { Result } from "./result.ts";

/** Of the file, in the folder of results. */
export const resultsName = "results.jsonl";

const header = z.object({ evaluation: z.record(z.string(), z.unknown()) });

/** What all results have in common: data, seed and the like. */
export type Evaluation = Readonly<Record<string, unknown>>;

/** What a file holds, as it is: for reports alone. @throws InferenceError where it holds no evaluation */
export async function readResults(
  path: string,
): Promise<{ readonly evaluation: Evaluation; readonly results: readonly Result[] }> {
  const { evaluation, results } = parseResults(await readResultText(path), path);
  if (evaluation === undefined) throw noEvaluation(path);
  return { evaluation, results };
}

/** Empty where there is no file. */
export const readResultText = (path: string): Promise<string> =>
  readFile(path, "utf8").catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "";
    throw fileFault(`${path} cannot be read`, error);
  });

export interface ParsedResults {
  /** Up to a line that a killed run left unfinished. */
  readonly whole: string;
  /** What is evaluated; undefined where not even that was written yet. */
  readonly evaluation: Evaluation | undefined;
  readonly results: Result[];
}

export function parseResults(text: string, path: string): ParsedResults {
  const whole = text.slice(0, text.lastIndexOf("\n") + 1);
  const [first, ...lines] = whole.split("\n").filter((line) => line !== "");
  if (first === undefined) {
    if (!beginsHeader(text)) throw noEvaluation(path);
    return { whole, evaluation: undefined, results: [] };
  }
  const parsed = header.safeParse(parseJson(first, `${path}, line 1`));
  if (!parsed.success) throw noEvaluation(path);
  // Runs that began at once have each said what they are about.
  const results = lines.flatMap((line, index) =>
    line === first ? [] : [parseLine(line, `${path}, line ${index + 2}`)],
  );
  // Two runs side by side may both have answered a question: the first answer counts.
  const seen = new Set<string>();
  const firsts = results.filter((one) => seen.size < seen.add(keyOf(one)).size);
  return { whole, evaluation: parsed.data.evaluation, results: firsts };
}

/** Whether a text without a whole line is what a run left that was killed at once. */
const beginsHeader = (text: string): boolean => {
  const start = '{"evaluation":';
  return text.startsWith(start) || start.startsWith(text);
};

const noEvaluation = (path: string): InferenceError =>
  new InferenceError("invalid_request", `${path} holds no evaluation. Choose another --out.`);

function parseLine(line: string, at: string): Result {
  const parsed = resultSchema.safeParse(parseJson(line, at));
  if (parsed.success) return parsed.data;
  throw new InferenceError("invalid_request", `${at} is no result: ${z.prettifyError(parsed.error)}`);
}
