import { join } from "node:path";
import { InferenceError } from "../core/errors.ts";
import { analyse } from "../evaluation/analysis.ts";
import { headline } from "../evaluation/compute/words.ts";
import { groupResults } from "../evaluation/groups.ts";
import { questionsName, readQuestions } from "../evaluation/question-list.ts";
import { formatInterval } from "../evaluation/report/page.ts";
import type { Result } from "../evaluation/result.ts";
import { readResults, resultsName } from "../evaluation/stored-results.ts";
import type { Evaluation } from "../evaluation/stored-results.ts";
import type { Summary } from "../evaluation/summary.ts";
import { writeWhole } from "../files/write-whole.ts";
import { nameModel } from "./evaluated-models.ts";

interface Stored {
  readonly evaluation: Evaluation;
  readonly results: readonly Result[];
}

/** `metropolis eval report`: from what is stored. */
export const reportFolder = async (folder: string): Promise<void> =>
  reportEvaluation(folder, await readResults(join(folder, resultsName)));

/**
 * Writes a folder's report.json and report.html, and prints what they come to.
 * @throws InferenceError where no configuration has answered all questions
 */
export async function reportEvaluation(folder: string, { evaluation, results }: Stored): Promise<void> {
  const questions = await readQuestions(join(folder, questionsName));
  // Older folders have no list of them.
  const items = questions?.questions.length ?? new Set(results.map(({ id }) => id)).size;
  const { finished, unfinished } = groupResults(results, items);
  if (finished.length === 0) {
    throw new InferenceError(
      "invalid_request",
      `${folder}: no configuration has answered all ${items} questions yet; there is nothing to report.`,
    );
  }
  const analysis = analyse(finished);
  await writeWhole(join(folder, "report.json"), `${JSON.stringify({ evaluation, ...analysis })}\n`);
  // The chart library is slow to load, and only this needs it.
  const { renderReport } = await import("../evaluation/report/report.ts");
  const { base } = evaluation;
  const page = renderReport({
    title: questions === undefined ? "Evaluation" : `Evaluation on ${questions.name}`,
    ...{ evaluation, groups: finished, analysis, questions },
    base: typeof base === "string" ? await nameModel(base) : undefined,
  });
  await writeWhole(join(folder, "report.html"), page);
  for (const summary of analysis.summaries) console.log(row(summary));
  for (const label of unfinished) console.log(`${label}: begun in an earlier run, not finished; left out`);
  const { evaluated, drawn } = analysis.compute.matched;
  for (const matched of [evaluated, drawn]) if (matched !== undefined) console.log(headline(matched));
  console.log(`\nreport: ${join(folder, "report.html")}`);
}

function row({ label, accuracy, passAt, evaluatedTokensPerAnswer, cutOff, exact }: Summary): string {
  const last = passAt.at(-1)!;
  const interval = formatInterval(accuracy);
  return [
    label.padEnd(36),
    `pass@1 ${accuracy.value.toFixed(3)} ${interval}`,
    `pass@${last.k} ${last.estimate.value.toFixed(3)}`,
    `${evaluatedTokensPerAnswer.toFixed(1)} tokens evaluated per answer`,
    ...(exact === null || exact.share === 1
      ? []
      : [`${(100 * exact.share).toFixed(0)} % exact draws, chains for the rest`]),
    ...(cutOff === 0 ? [] : [`${(100 * cutOff).toFixed(0)} % cut off: raise --max-tokens`]),
  ].join("  ");
}
