/**
 * How far the log-probs of one answer move with what else runs: greedy answers alone and cold, held against the same
 * ones warm (from the prefix store), eight at once, and scored in one prefill.
 */
import { locateModel } from "../src/assembly/locate-model.ts";
import { createRunner, openGraph } from "../src/engine/onnx/open-graph.ts";
import type { OpenOptions } from "../src/engine/onnx/open-graph.ts";
import { createCompleter } from "../src/assembly/create-completer.ts";
import { usualEngine } from "../src/assembly/engine-settings.ts";
import type { EngineSettings } from "../src/assembly/engine-settings.ts";
import type { Int4Compute } from "../src/engine/onnx/graphs/matmul-compute.ts";
import type { TokenId, TokenIds } from "../src/core/tokens.ts";
import type { Completer } from "../src/decoder/completer.ts";
import { abacus } from "../lab/abacus.ts";
import { complete } from "../lab/complete.ts";
import { median, printRow, printTable } from "./report.ts";
import { encodeQuestion } from "./question.ts";

const maxTokens = 24;
const atOnce = 8;

const questions = [
  "Why is the sky blue?",
  "Name three uses of copper.",
  "Write a sentence about the sea.",
  "What is 17 times 6?",
  "Who wrote Hamlet?",
  "How do I boil an egg?",
  "What is a prime number?",
  "Translate 'good morning' into French.",
  "Give me a name for a cat.",
  "What does a compiler do?",
  "Is a tomato a fruit?",
  "What is the capital of Japan?",
];

interface Answer {
  readonly tokens: readonly TokenId[];
  /** log p of each, nats. */
  readonly logprobs: readonly number[];
}

async function answer(completer: Completer, prompt: TokenIds): Promise<Answer> {
  const settings = { sampler: "greedy" } as const;
  const { tokens } = await complete(completer, { prompt, settings, maxTokens, seed: 0, choice: 0 });
  return { tokens: tokens.map(({ token }) => token), logprobs: tokens.map(({ logprob }) => logprob) };
}

async function alone(completer: Completer, prompts: readonly TokenIds[]): Promise<Answer[]> {
  const answers: Answer[] = [];
  for (const prompt of prompts) answers.push(await answer(completer, prompt));
  return answers;
}

async function together(completer: Completer, prompts: readonly TokenIds[]): Promise<Answer[]> {
  const answers: Answer[] = [];
  for (let start = 0; start < prompts.length; start += atOnce) {
    const batch = prompts.slice(start, start + atOnce);
    answers.push(...(await Promise.all(batch.map((prompt) => answer(completer, prompt)))));
  }
  return answers;
}

/** What one prefill says of answers that are known. */
async function prefilled(
  completer: Completer,
  prompts: readonly TokenIds[],
  answers: readonly Answer[],
): Promise<Answer[]> {
  const scored: Answer[] = [];
  for (const [index, { tokens }] of answers.entries()) {
    const signal = new AbortController().signal;
    const scores = await completer.score([...prompts[index]!, ...tokens], { topCount: 1 }, signal);
    const own = [...scores].slice(-tokens.length);
    scored.push({
      tokens: own.map(({ top }) => top!.ids[0]!),
      logprobs: own.map(({ logprob }) => logprob),
    });
  }
  return scored;
}

/** The largest difference up to where the answers part, and how many never do. */
function compare(left: readonly Answer[], right: readonly Answer[]): string[] {
  let largest = 0;
  let same = 0;
  for (const [index, { tokens, logprobs }] of left.entries()) {
    const other = right[index]!;
    const parting = tokens.findIndex((token, at) => token !== other.tokens[at]);
    const shared = parting < 0 ? tokens.length : parting;
    for (let at = 0; at < shared; at++)
      largest = Math.max(largest, Math.abs(logprobs[at]! - other.logprobs[at]!));
    if (parting < 0) same++;
  }
  return [largest === 0 ? "0" : largest.toExponential(1), `${same} of ${left.length}`];
}

/** CPU ms of passes: of so many rows of a token each, or of one row of so many tokens; medians of rounds in turn. */
async function passCosts(graphPath: string, options: OpenOptions): Promise<string[]> {
  const shapes = [
    { rows: 1, tokens: 1 },
    { rows: 4, tokens: 1 },
    { rows: 16, tokens: 1 },
    { rows: 1, tokens: 64 },
  ];
  const size = { device: options.device, lanes: 16, capacity: 128, maxRowTokens: 64 };
  await using runner = await createRunner(openGraph(graphPath, options), size);
  const costs = shapes.map((): number[] => []);
  for (let round = 0; round <= 9; round++) {
    for (const [index, { rows, tokens }] of shapes.entries()) {
      const row = { tokens: Array<number>(tokens).fill(1), position: 0 };
      const before = process.cpuUsage();
      await runner.step(Array.from({ length: rows }, (_, lane) => ({ ...row, lane })));
      const { user, system } = process.cpuUsage(before);
      // The first round makes the bindings.
      if (round > 0) costs[index]!.push((user + system) / 1000);
    }
  }
  return costs.map((each) => median(each).toFixed(1));
}

const open = async (changes: Partial<EngineSettings>): Promise<Completer> =>
  (await createCompleter({ ...usualEngine, lanes: atOnce, context: 128, ...changes })).completer;

/** Log-probs of one answer, by how it came about. */
export async function benchNumbers(
  threads: number,
  model?: string,
  int4Compute?: Int4Compute,
): Promise<void> {
  console.log(
    `\n${model ?? "abacus"}${int4Compute === undefined ? "" : ` (${int4Compute})`}, ${threads} thread(s): greedy answers of up to ${maxTokens} tokens against those alone and cold\n`,
  );
  const head = ["against", "", "largest difference of log p, nats", "same greedy answers"];
  printTable(head, []);
  // One by one as they come: a fixed shape takes long.
  for (const deterministic of [false, true]) {
    const settings = { threads, deterministic, int4Compute, ...(model === undefined ? {} : { model }) };
    await using cold = await open({ ...settings, prefixStoreMib: 0 });
    const prompts =
      model === undefined
        ? abacus.testPrompts(questions.length).map((prompt) => abacus.vocabulary.encode(prompt))
        : await Promise.all(questions.map((question) => encodeQuestion(cold, question)));
    const reference = await alone(cold, prompts);
    const mode = deterministic ? "--deterministic" : "";
    const add = (name: string, answers: readonly Answer[]): void => {
      printRow([name, mode, ...compare(reference, answers)]);
    };
    add("again, cold", await alone(cold, prompts));
    add(`${atOnce} at once, cold`, await together(cold, prompts));
    add("one prefill of the whole", await prefilled(cold, prompts, reference));
    await using warm = await open(settings);
    await alone(warm, prompts);
    add("warm", await alone(warm, prompts));
    add(`${atOnce} at once, warm`, await together(warm, prompts));
  }
  if (model === undefined) return;
  const { graphPath } = await locateModel({ model, dtype: undefined });
  const costs = await passCosts(graphPath, { device: "cpu", threads, int4Compute });
  console.log("\nCPU ms of a pass\n");
  printTable(["1 row", "4 rows", "16 rows", "64 tokens of one row"], [costs]);
}
