/**
 * What power sampling reaches for what it costs: log p against evaluations per emitted token, setting by setting. Gains
 * are over low temperature at the proposals' own 1/alpha, of the same prompt and seed, and shares are of what the
 * paper's setting gains. Completions that may end favour settings that come to short ones, whose log p is higher: so
 * the same is asked with the model's ends ignored, where all have the same length. Evaluations are counted, so that
 * what else the machine does makes no difference.
 */
import { createCompleter } from "../../src/assembly/create-completer.ts";
import { usualEngine } from "../../src/assembly/engine-settings.ts";
import type { Completer } from "../../src/decoder/completer.ts";
import { lastNumber, valueOfNumber } from "../../src/selection/answers/number.ts";
import { mean } from "../../src/evaluation/statistics.ts";
import { complete } from "../../lab/complete.ts";
import { encodeQuestion } from "../question.ts";
import { printRow, printTable } from "../report.ts";
import { jackknife, show } from "./estimate.ts";
import { chatQuestions, readQuestions } from "./questions.ts";
import type { Question } from "./questions.ts";
import { digest, forms, RunFile } from "./run-file.ts";
import type { Form, Run, Task } from "./run-file.ts";
import { plainName, referenceName, settingsFor } from "./settings.ts";
import type { NamedSettings } from "./settings.ts";

export interface FrontierOptions {
  readonly model: string;
  readonly threads: number;
  /** Folder of public questions; chat questions alone when left out. */
  readonly data: string | undefined;
  /** Of each set there. */
  readonly questions: number;
  readonly seeds: number;
  readonly maxTokens: number;
  /** Folder to keep what was run in, and to go on from. */
  readonly results: string;
  /** Settings whose names have this in them, beside the two that all are held against. */
  readonly only: string | undefined;
}

/** Completions at once. */
const lanes = 32;

/** The table of docs/benchmarks.md, a row as soon as it is known. */
export async function benchFrontier(options: FrontierOptions): Promise<void> {
  const { model, threads, data, seeds, maxTokens, only = "" } = options;
  const questions = [
    ...chatQuestions,
    ...(data === undefined ? [] : await readQuestions(data, options.questions)),
  ];
  const file = await RunFile.open(options.results);
  const { completer } = await createCompleter({ ...usualEngine, model, threads, lanes, context: 384 });
  await using frontier = new Frontier(completer, { questions, file, seeds, maxTokens });
  const asked = settingsFor(maxTokens).filter(
    ({ name }) => name === plainName || name === referenceName || name.includes(only),
  );
  for (const form of forms) {
    console.log(`\n${completer.model.id}, ${frontier.describe(form)}\n`);
    printTable(
      ["setting", "log p", "gain, nats", "share of the paper's", "evaluations a token", "tokens", "right"],
      [],
    );
    for (const settings of asked) printRow(await frontier.row(settings, form));
  }
}

interface FrontierWork {
  readonly questions: readonly Question[];
  readonly file: RunFile;
  readonly seeds: number;
  readonly maxTokens: number;
}

/** Of one question: what each seed came to. */
interface Answered {
  readonly question: Question;
  readonly runs: readonly Run[];
}

class Frontier implements AsyncDisposable {
  readonly #completer: Completer;
  readonly #work: FrontierWork;
  readonly #done = new Map<string, readonly Answered[]>();

  constructor(completer: Completer, work: FrontierWork) {
    this.#completer = completer;
    this.#work = work;
  }

  describe(form: Form): string {
    const { questions, seeds, maxTokens } = this.#work;
    const length = form === "whole" ? `up to ${maxTokens} tokens` : `${maxTokens} tokens, ends ignored`;
    return `${questions.length} questions x ${seeds} seeds, ${length}`;
  }

  async row(settings: NamedSettings, form: Form): Promise<string[]> {
    const answered = await this.#answers(settings, form);
    this.#done.set(form + settings.name, answered);
    const plain = this.#done.get(form + plainName)!;
    const reference = this.#done.get(form + referenceName) ?? answered;
    const places = answered.map((_, place) => place);
    const gainOf = (of: readonly Answered[], at: readonly number[]): number =>
      mean(at.map((place) => logprobOf(of[place]!) - logprobOf(plain[place]!)));
    const graded = answered.filter(({ question }) => question.answer !== undefined);
    const all = answered.flatMap(({ runs }) => runs);
    const tokens = mean(all.map((run) => run.tokens));
    const gain = jackknife(places, (at) => gainOf(answered, at));
    const share = jackknife(places, (at) => gainOf(answered, at) / gainOf(reference, at));
    const isPlain = settings.name === plainName;
    return [
      settings.name,
      mean(answered.map(logprobOf)).toFixed(2),
      isPlain ? "" : show(gain, 2),
      isPlain || settings.name === referenceName ? "" : show(share, 2),
      (mean(all.map((run) => run.evaluated)) / tokens).toFixed(2),
      tokens.toFixed(1),
      form === "fixed" || graded.length === 0 ? "" : show(jackknife(graded, shareRight), 3),
    ];
  }

  /** Runs what the file does not have, as many at once as there are lanes. */
  async #answers({ settings }: NamedSettings, form: Form): Promise<Answered[]> {
    const { questions, seeds, maxTokens, file } = this.#work;
    const answers = questions.map((question, place) => ({
      question,
      // The same seed would give every prompt the same uniforms.
      tasks: Array.from({ length: seeds }, (_, seed) => ({
        model: this.#completer.model.id,
        settings,
        form,
        maxTokens,
        question: question.text,
        seed: 1_000 * place + seed,
      })),
    }));
    const missing = answers
      .flatMap(({ tasks }) => tasks)
      .filter((task) => file.find(task) === undefined)
      .values();
    const worker = async (): Promise<void> => {
      for (const task of missing) await file.add(await this.#run(task));
    };
    await Promise.all(Array.from({ length: lanes }, worker));
    return answers.map(({ question, tasks }) => ({ question, runs: tasks.map((task) => file.find(task)!) }));
  }

  async #run(task: Task): Promise<Run> {
    const { settings, form, maxTokens, question, seed } = task;
    const { text, tokens, evaluatedTokens } = await complete(this.#completer, {
      prompt: await encodeQuestion(this.#completer, question),
      settings,
      maxTokens,
      seed,
      choice: 0,
      ignoreEnd: form === "fixed",
    });
    return {
      task: digest(task),
      text,
      logprob: tokens.reduce((sum, { logprob }) => sum + logprob, 0),
      tokens: tokens.length,
      evaluated: evaluatedTokens,
    };
  }

  [Symbol.asyncDispose](): PromiseLike<void> {
    return this.#completer[Symbol.asyncDispose]();
  }
}

const logprobOf = ({ runs }: Answered): number => mean(runs.map(({ logprob }) => logprob));

/** The last number of a text is its answer. */
const shareRight = (answered: readonly Answered[]): number =>
  mean(
    answered.flatMap(({ question, runs }) =>
      runs.map(({ text }) => {
        const [said, right] = [lastNumber(text), valueOfNumber(question.answer!)];
        const value = said === undefined ? undefined : valueOfNumber(said);
        return value !== undefined && right !== undefined && value.equals(right) ? 1 : 0;
      }),
    ),
  );
