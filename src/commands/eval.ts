import { basename, join } from "node:path";
import { Command, Option } from "commander";
import { InferenceError } from "../core/errors.ts";
import { samplerNames } from "../samplers/registry.ts";
import type { SamplerName } from "../samplers/registry.ts";
import { configurations, plainFields } from "../evaluation/configurations.ts";
import type { Configuration, Sweeps } from "../evaluation/configurations.ts";
import { listQuestions, questionsName, writeQuestions } from "../evaluation/question-list.ts";
import { reportEvaluation, reportFolder } from "./eval-report.ts";
import { dataOptions, engineOptions, openEvaluation, runModels, settle } from "./evaluated-models.ts";
import type { EvaluationOptions } from "./evaluated-models.ts";
import { askable } from "./asked-samplers.ts";
import { listOf, oneOf } from "./options.ts";
import { sweepOptions, sweepsOf } from "./sweep-options.ts";

type EvalOptions = EvaluationOptions & {
  readonly samplers: readonly SamplerName[];
};

const examples = `
The data is JSON, an object a line:
  {"id", "prompt" or "messages", "answer", "grader"?, "stop"?, "structured_outputs"? or "response_format"?}

Examples:
  metropolis eval --data problems.jsonl                              the embedded model, all samplers
  metropolis eval --data problems.jsonl --alpha 2,4 --steps 2,5,10   sweeps of power
  metropolis eval --data problems.jsonl --model grpo --base base --samplers standard
                                                                     an RL checkpoint, scored under its base
  metropolis eval --data problems.jsonl --url http://127.0.0.1:8000  a server that is running
  metropolis eval --data problems.jsonl --engine vllm --engine-url http://gpu:8000 --model Qwen/Qwen3-8B
                                                                     a model that vLLM runs
  metropolis eval --data problems.jsonl --url URL --plain --samplers standard,low_temperature,greedy
                                                                     another OpenAI-compatible server
  metropolis eval report evaluation                                  the report anew, from stored answers
A run that was cut off goes on where it stopped when it is started again. Runs of other models or samplers into
the same folder join its report.`;

/** `metropolis eval` */
export function evalCommand(): Command {
  const run = new Command("run")
    .configureHelp({
      commandUsage: () => "metropolis eval [options]\n       metropolis eval report <folder>",
    })
    .description("Compare samplers and models on questions with known answers, and write a report.")
    .addOption(
      new Option("--samplers <names>", "which to compare, separated by commas")
        .argParser(listOf(oneOf(samplerNames)))
        .default([...samplerNames].reverse(), "all"),
    )
    .addOption(
      new Option("--base <folder|id>", "model under which answers are scored; each's own when left out"),
    )
    .addOption(new Option("--out <folder>", "where results and report go").default("evaluation"));
  const sweeps = sweepOptions();
  const options = [...sweeps.map(({ option }) => option), ...dataOptions(), ...engineOptions()];
  for (const option of options) run.addOption(option);
  run
    .addHelpText("after", examples)
    .action((settings: EvalOptions & Record<string, unknown>) =>
      evaluate(settings, run, sweepsOf(settings, sweeps)),
    );
  const report = new Command("report")
    .description("Make the report of a folder's answers anew, and ask nothing.")
    .argument("<folder>", "--out of an evaluation")
    .action(reportFolder);
  // What it does not know goes to the command that is usual, whose help is that of both.
  return new Command("eval")
    .description("Compare samplers and models on questions with known answers, and write a report.")
    .helpOption(false)
    .helpCommand(false)
    .addCommand(run, { isDefault: true, hidden: true })
    .addCommand(report);
}

async function evaluate(options: EvalOptions, command: Command, sweeps: Sweeps): Promise<void> {
  const settings = await settle(options, command);
  const { out } = settings;
  const { asked, leftOut } = askable(settings, command);
  const compared = configurations(asked, sweeps);
  if (settings.plain) checkPlain(compared);
  const { items, file: opened, evaluation } = await openEvaluation(settings);
  await using file = opened;
  await runModels(settings, { items, configurations: compared, file });

  await writeQuestions(join(out, questionsName), listQuestions(basename(settings.data), items));
  await reportEvaluation(out, { evaluation, results: file.results });
  for (const name of leftOut) console.log(`${name}: left out; it wants log Z, which a server bounds alone`);
}

function checkPlain(compared: readonly Configuration[]): void {
  const impossible = compared.find((one) => plainFields(one) === undefined);
  if (impossible === undefined) return;
  throw new InferenceError(
    "invalid_request",
    `--plain: a server without our fields has no '${impossible.name}'. Leave it out of --samplers.`,
  );
}
