/**
 * What independent exact draws cost where answers are short: tries under the envelope that learns, evaluations of an answer
 * that keeps to itself, and the tries that plain rejection would take, 1 / Σ p^α, by its unbiased estimate.
 */
import { createCompleter } from "../src/assembly/create-completer.ts";
import { usualEngine } from "../src/assembly/engine-settings.ts";
import { InferenceError } from "../src/core/errors.ts";
import type { TokenIds } from "../src/core/tokens.ts";
import type { Completer } from "../src/decoder/completer.ts";
import type { ExactReport } from "../src/samplers/exact/report.ts";
import { abacus } from "../lab/abacus.ts";
import { complete } from "../lab/complete.ts";
import { encodeQuestion } from "./question.ts";
import { printTable } from "./report.ts";

const questions = [
  "What is the capital of France? Answer in one word.",
  "What is 17 times 6? Answer with a number.",
  "Is 91 a prime number? Answer yes or no.",
  "What is the opposite of hot? One word.",
];

interface Size {
  readonly alpha: number;
  readonly maxTokens: number;
  readonly choices: number;
}

/** Reports of the answers that were drawn, and how many were asked for. */
async function drawAll(
  completer: Completer,
  prompts: readonly TokenIds[],
  { alpha, maxTokens, choices }: Size,
) {
  const settings = { sampler: "exact", alpha, maxTries: 1000, isolated: true } as const;
  const reports: ExactReport[] = [];
  for (const prompt of prompts) {
    for (let choice = 0; choice < choices; choice++) {
      try {
        const { report } = await complete(completer, { prompt, settings, maxTokens, seed: 5, choice });
        reports.push(report.exact!);
      } catch (error) {
        if (!(error instanceof InferenceError && error.code === "budget_exhausted")) throw error;
      }
    }
  }
  return { reports, asked: prompts.length * choices };
}

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

/** @param model a folder of a language model; the embedded one when left out */
export async function benchExact(threads: number, model?: string): Promise<void> {
  const settings = model === undefined ? usualEngine : { ...usualEngine, model, threads, context: 256 };
  const { completer } = await createCompleter(settings);
  const prompts: TokenIds[] =
    model === undefined
      ? abacus.testPrompts(20).map((text) => abacus.vocabulary.encode(text))
      : await Promise.all(questions.map((question) => encodeQuestion(completer, question)));
  const rows: string[][] = [];
  for (const alpha of [2, 4]) {
    for (const maxTokens of model === undefined ? [48] : [4, 8]) {
      const size = { alpha, maxTokens, choices: model === undefined ? 10 : 4 };
      const { reports, asked } = await drawAll(completer, prompts, size);
      rows.push([
        `alpha ${alpha}, ${maxTokens} tokens at most`,
        `${reports.length} of ${asked}`,
        mean(reports.map(({ tries }) => tries)).toFixed(1),
        mean(reports.map(({ log_evidence }) => Math.exp(-log_evidence!))).toPrecision(2),
        mean(reports.map(({ evaluated_tokens }) => evaluated_tokens)).toFixed(1),
      ]);
    }
  }
  await completer[Symbol.asyncDispose]();
  printTable(["", "answered in 1000 tries", "tries", "tries of plain rejection", "evaluations"], rows);
}
