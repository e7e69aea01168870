import { createHash } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { SingleBar } from "cli-progress";
import { Command, InvalidArgumentError, Option } from "commander";
import { InferenceError } from "../core/errors.ts";
import { samplerNames } from "../decoder/generator.ts";
import type { SamplerName } from "../decoder/generator.ts";
import { CompletionSource } from "../evaluation/completion-source.ts";
import { configurations, plainFields } from "../evaluation/configurations.ts";
import { readDataSet } from "../evaluation/data-set.ts";
import type { GraderSettings } from "../evaluation/data-set.ts";
import { ResultFile } from "../evaluation/result-file.ts";
import { runEvaluation } from "../evaluation/run.ts";
import { summarize } from "../evaluation/summary.ts";
import type { Summary } from "../evaluation/summary.ts";
import { integerFrom, numberFrom, option } from "./options.ts";
import { reachServer } from "./own-server.ts";
import { usualEngine } from "./serve-settings.ts";

interface EvalSettings {
  readonly data: string;
  readonly samplers: readonly SamplerName[];
  readonly alpha: readonly number[];
  readonly steps: readonly number[];
  readonly n: number;
  readonly maxTokens: number | undefined;
  readonly seed: number;
  readonly grader: GraderSettings["type"];
  readonly allowCommands: boolean;
  readonly concurrency: number;
  readonly out: string;
  readonly url: string | undefined;
  readonly apiKey: string | undefined;
  readonly model: string;
  readonly plain: boolean;
  readonly servedModel: string | undefined;
}

const examples = `
The data is JSON, an object a line: {"id", "prompt" or "messages", "answer", "grader"?}.

Examples:
  metropolis eval --data problems.jsonl                              the embedded model, all samplers
  metropolis eval --data problems.jsonl --alpha 2,4 --steps 2,5,10   sweeps of power
  metropolis eval --data problems.jsonl --url http://127.0.0.1:8000  a server that is running
  metropolis eval --data problems.jsonl --url URL --plain --samplers standard,low_temperature,greedy
                                                                     another OpenAI-compatible server
A run that was cut off goes on where it stopped when it is started again.`;

/** `metropolis eval` */
export function evalCommand(): Command {
  return new Command("eval")
    .description("Compare samplers on questions with known answers, and write a report.")
    .requiredOption("--data <file>", "questions, a JSON object a line")
    .addOption(
      new Option("--samplers <names>", "which to compare, separated by commas")
        .argParser(listOf(samplerName))
        .default([...samplerNames].reverse(), "all"),
    )
    .addOption(list("--alpha <numbers>", "exponents of power and low_temperature", numberFrom(1, 1000)))
    .addOption(list("--steps <numbers>", "steps per block of power", integerFrom(0, 10_000)))
    .addOption(new Option("--n <n>", "answers to each question").argParser(integerFrom(1, 128)).default(16))
    .addOption(
      new Option("--max-tokens <n>", "longest answer; the model's when left out").argParser(integerFrom(1)),
    )
    .addOption(new Option("--seed <n>", "repeats a run").argParser(integerFrom(0)).default(0))
    .addOption(
      new Option("--grader <name>", "for questions that name none")
        .choices(["exact", "last_number", "boxed", "choice", "abacus", "regex"])
        .default("last_number"),
    )
    .option("--allow-commands", "let the data's graders run commands on this machine", false)
    .addOption(new Option("--concurrency <n>", "requests at once").argParser(integerFrom(1, 512)).default(8))
    .addOption(new Option("--out <folder>", "where results and report go").default("evaluation"))
    .addOption(option("--url <address>", "server to ask; without one the model runs in this process"))
    .addOption(option("--api-key <key>", "key that the server wants"))
    .addOption(option("--model <folder>", "model to run where no server is asked").default(usualEngine.model))
    .option("--served-model <name>", "the model's name on the server that is asked")
    .option("--plain", "the server knows OpenAI's fields alone", false)
    .addHelpText("after", examples)
    .action(evaluate);
}

async function evaluate(settings: EvalSettings): Promise<void> {
  const { data, n, maxTokens, seed, out, url, plain } = settings;
  const items = await readDataSet(data, settings);
  const compared = configurations({
    samplers: settings.samplers,
    alphas: settings.alpha,
    steps: settings.steps,
  });
  const impossible = plain ? compared.find((one) => plainFields(one) === undefined) : undefined;
  if (impossible !== undefined) {
    throw new InferenceError(
      "invalid_request",
      `--plain: a server without our fields has no '${impossible.name}'. Leave it out of --samplers.`,
    );
  }
  await mkdir(out, { recursive: true });
  const digest = createHash("sha256")
    .update(await readFile(data))
    .digest("hex");
  const source = url ?? settings.model;
  // What must be the same for a run to go on where another stopped.
  const evaluation = {
    data: digest,
    source,
    servedModel: settings.servedModel ?? null,
    n,
    maxTokens: maxTokens ?? null,
    seed,
    grader: settings.grader,
  };
  await using file = await ResultFile.open(join(out, "results.jsonl"), evaluation);
  await using server = await reachServer({ ...settings, lanes: 32 });
  const stop = new AbortController();
  const interrupt = (): void => {
    stop.abort(new InferenceError("aborted", "Interrupted; start it again to go on."));
  };
  process.once("SIGINT", interrupt);
  const bar = new SingleBar({
    format: "{bar} {value}/{total} questions  {duration_formatted}, {eta_formatted} left",
    gracefulExit: false,
  });
  try {
    await runEvaluation({
      items,
      configurations: compared,
      source: new CompletionSource({
        url: server.url,
        apiKey: server.apiKey,
        model: settings.servedModel,
        isPlain: plain,
      }),
      isPlain: plain,
      file,
      n,
      maxTokens,
      seed,
      concurrency: settings.concurrency,
      signal: stop.signal,
      onResult: (done, all) => {
        if (bar.isActive) bar.update(done);
        else bar.start(all, done);
      },
    });
  } finally {
    bar.stop();
    process.off("SIGINT", interrupt);
  }
  const wanted = new Set(compared.map(({ name }) => name));
  const summaries = summarize(file.results.filter(({ configuration }) => wanted.has(configuration)));
  await writeFile(join(out, "report.json"), `${JSON.stringify({ evaluation, summaries }, null, 2)}\n`);
  // The chart library is slow to load, and only this needs it.
  const { writeReport } = await import("../evaluation/report.ts");
  await writeReport(join(out, "report.html"), { title: basename(data), summaries, configurations: compared });
  for (const summary of summaries) console.log(row(summary));
  console.log(`\nreport: ${join(out, "report.html")}`);
}

function row({ configuration, accuracy, passAt, evaluatedTokensPerAnswer }: Summary): string {
  const last = passAt.at(-1)!;
  const interval = `[${accuracy.low.toFixed(3)}, ${accuracy.high.toFixed(3)}]`;
  return [
    configuration.padEnd(36),
    `pass@1 ${accuracy.value.toFixed(3)} ${interval}`,
    `pass@${last.k} ${last.estimate.value.toFixed(3)}`,
    `${evaluatedTokensPerAnswer.toFixed(1)} tokens evaluated per answer`,
  ].join("  ");
}

function samplerName(text: string): SamplerName {
  const found = samplerNames.find((name) => name === text);
  if (found !== undefined) return found;
  throw new InvalidArgumentError(`'${text}' is none of ${samplerNames.join(", ")}.`);
}

const list = (flags: string, description: string, parse: (text: string) => number): Option =>
  new Option(flags, `${description}, separated by commas; the model's when left out`)
    .argParser(listOf(parse))
    .default([], "the model's");

const listOf =
  <Value>(parse: (text: string) => Value) =>
  (text: string): Value[] =>
    text.split(",").map((part) => parse(part.trim()));
