import { stat } from "node:fs/promises";
import { join } from "node:path";
import { Command, Option } from "commander";
import { InferenceError } from "../core/errors.ts";
import { CompletionSource } from "../evaluation/completion-source.ts";
import type { Sweeps } from "../evaluation/configurations.ts";
import { ResultFile } from "../evaluation/result-file.ts";
import { missingTasks, runEvaluation } from "../evaluation/run.ts";
import type { EvaluatedModel } from "../evaluation/run.ts";
import { readGenerationConfig, writeSection } from "../evaluation/tune/generation-config.ts";
import { answerRuleOf, defaultsOf, fieldsOf } from "../evaluation/tune/preset.ts";
import type { WayFields } from "../evaluation/tune/preset.ts";
import { searchedFields, searchedSamplers, searchSpace } from "../evaluation/tune/space.ts";
import { splitQuestions } from "../evaluation/tune/split.ts";
import { storedAnswers } from "../evaluation/tune/stored-answers.ts";
import type { Ask } from "../evaluation/tune/stored-answers.ts";
import { tune } from "../evaluation/tune/tune.ts";
import { lapWords, tunedWords } from "../evaluation/tune/words.ts";
import { writeWhole } from "../files/write-whole.ts";
import { isPresetName, presetNameRule } from "../samplers/preset-name.ts";
import { samplerNames } from "../samplers/registry.ts";
import type { SamplerName } from "../samplers/registry.ts";
import { selectRules } from "../selection/rules.ts";
import { askable } from "./asked-samplers.ts";
import { abortOnSignals } from "./exit-on-signals.ts";
import {
  dataOptions,
  engineOptions,
  listModels,
  openResults,
  openServer,
  readItems,
  settle,
} from "./evaluated-models.ts";
import type { EvaluationOptions, EvaluationSettings } from "./evaluated-models.ts";
import { modelDigest } from "./model-digest.ts";
import { argument, listOf, numberFrom, oneOf } from "./options.ts";
import { provideModel } from "./provide-model.ts";
import { sweepOptions, sweepsOf } from "./sweep-options.ts";
import type { SweepOption } from "./sweep-options.ts";

type TuneCommandOptions = Omit<EvaluationOptions, "n"> & {
  readonly budget: number;
  readonly samplers: readonly SamplerName[];
  readonly preset: string | undefined;
  readonly write: boolean;
};

/** Of each half. */
const fewestQuestions = 4;

const examples = `
Half of the questions are searched on, the other half says what the winner is worth. Standard, greedy and low
temperature take part always. A run that was cut off goes on where it stopped when it is started again.

Examples:
  metropolis tune --data dev.jsonl                               the embedded model, within 4 plain answers' cost
  metropolis tune --data dev.jsonl --budget 8 --model FOLDER --preset careful
                                                                 model: "FOLDER:careful" then asks for the winner
  metropolis tune --data dev.jsonl --samplers power --alpha 3,4 --steps 1,2,4`;

/** `metropolis tune` */
export function tuneCommand(): Command {
  const command = new Command("tune")
    .description("Find the settings that answer best within a budget, and say what they are worth.")
    .addOption(
      new Option("--budget <times>", "evaluated tokens a question, times those of one plain answer")
        .argParser(numberFrom(1, 64))
        .default(4),
    )
    .addOption(
      new Option("--samplers <names>", "what to search beside standard, greedy and low_temperature")
        .argParser(listOf(oneOf(samplerNames)))
        .default(searchedSamplers, "all"),
    )
    .addOption(
      new Option(
        "--preset <name>",
        "write the winner into the model's folder, as a preset of this name",
      ).argParser(
        argument((name) => {
          if (!isPresetName(name)) throw new Error(presetNameRule);
          return name;
        }),
      ),
    )
    .addOption(
      new Option(
        "--write",
        "write what the winner has of alpha, steps and blocks as the model's defaults",
      ).default(false),
    )
    .addOption(new Option("--out <folder>", "where answers and what came of them go").default("tuning"));
  const sweeps = sweepOptions("the usual ones").filter(({ field }) => searchedFields.has(field));
  // How many answers there are is a part of what is searched.
  const ofData = dataOptions().filter((option) => option.attributeName() !== "n");
  for (const option of [...sweeps.map((one) => one.option), ...ofData, ...engineOptions()])
    command.addOption(option);
  return command
    .addHelpText("after", examples)
    .action((options: TuneCommandOptions & Record<string, unknown>) => tuneModel(options, command, sweeps));
}

async function tuneModel(
  options: TuneCommandOptions & Record<string, unknown>,
  command: Command,
  sweeps: readonly SweepOption[],
): Promise<void> {
  const values = sweepsOf(options, sweeps);
  const settings = await settle({ ...options, n: Math.ceil(options.budget) }, command);
  const { budget, seed, out, preset } = settings;
  const folder = preset === undefined && !settings.write ? undefined : await folderToWrite(settings);
  const configurations = searchSpace(searched(settings, command), values);
  checkValues(sweeps, values, configurations);
  const models = await listModels(settings);
  const [model] = models;
  if (models.length > 1 || model === undefined)
    throw new InferenceError("invalid_request", "--model: one model is tuned at a time; name one.");
  const items = await readItems(settings);
  const halves = splitQuestions(items, seed);
  if (halves.heldOut.length < fewestQuestions) {
    throw new InferenceError(
      "invalid_request",
      `--data: ${items.length} questions are too few to search on one half and measure on the other; give ${2 * fewestQuestions} at least, better 100.`,
    );
  }
  const { file: opened, evaluation } = await openResults(settings, {
    ...{ tuned: model, ...(await filesOf(settings)) },
    ...{ budget, configurations: configurations.map(({ name }) => name) },
  });
  await using file = opened;
  await using pricesFile = await ResultFile.open(join(out, "prices.jsonl"), { ...evaluation, prices: true });
  const answerRule = answerRuleOf(items);
  const order = [...halves.search, ...halves.heldOut];
  await using asking = openAsking(settings, model);
  const tuned = await tune({
    ...{ ...halves, configurations, budget },
    rules: ["single", ...selectRules.filter((rule) => rule !== "vote" || answerRule !== undefined)],
    prices: storedAnswers(pricesFile, asking.ask, order, seed),
    answers: storedAnswers(file, asking.ask, order, seed),
    onLap: (lap) => {
      console.log(lapWords(lap));
    },
  });
  const fields = fieldsOf(tuned.winner, answerRule);
  const { accuracy: _, ...winner } = tuned.winner;
  await writeWhole(join(out, "tuning.json"), `${JSON.stringify({ ...tuned, winner, fields }, null, 2)}\n`);
  for (const line of tunedWords(tuned, halves.heldOut.length)) console.log(line);
  if (answerRule === undefined)
    console.log(
      "Votes were not among what was searched: the questions' graders read answers in several ways.",
    );
  console.log(`\nAs fields of a request: ${JSON.stringify(fields)}`);
  if (folder !== undefined) await writeWinner(folder, fields, settings, model);
}

/** Tells a model from the next that is put in its place; of one that a server runs, nothing is known. */
async function filesOf({
  url,
  server,
  model,
  dtype,
}: EvaluationSettings): Promise<{ readonly modelFiles?: string }> {
  if (url !== undefined || server !== undefined) return {};
  return { modelFiles: await modelDigest(await provideModel({ model: model[0]!, dtype })) };
}

/** The samplers beside the plain ones. @throws InferenceError naming the option */
function searched(
  settings: Pick<EvaluationSettings, "server" | "plain"> & Pick<TuneCommandOptions, "samplers">,
  command: Command,
): readonly SamplerName[] {
  if (!settings.plain) return askable(settings, command).asked;
  if (command.getOptionValueSource("samplers") === "default") return [];
  throw new InferenceError(
    "invalid_request",
    "--samplers: a server without our fields (--plain) has standard, greedy and low_temperature alone, which take part anyway. Leave it out.",
  );
}

/** @throws InferenceError for values that nothing which is searched takes */
function checkValues(
  sweeps: readonly SweepOption[],
  values: Sweeps,
  configurations: ReturnType<typeof searchSpace>,
): void {
  const idle = Object.entries(values).find(
    ([field, own = []]) => own.length > 0 && configurations.every(({ fields }) => !(field in fields)),
  );
  if (idle === undefined) return;
  throw new InferenceError(
    "invalid_request",
    `${sweeps.find(({ field }) => field === idle[0])!.option.long!}: its values mean nothing to the samplers that are searched. Leave it out, or name more in --samplers.`,
  );
}

/** @throws InferenceError where the model has no folder whose generation_config.json can be changed */
async function folderToWrite({
  url,
  model,
  preset,
}: EvaluationSettings & TuneCommandOptions): Promise<string> {
  const [folder = ""] = model;
  const isFolder = (await stat(folder).catch(() => undefined))?.isDirectory() === true;
  if (url !== undefined || !isFolder) {
    const option = preset === undefined ? "--write" : "--preset";
    throw new InferenceError(
      "invalid_request",
      `${option} changes generation_config.json in the model's folder: name that folder by --model, without --url.`,
    );
  }
  await readGenerationConfig(folder);
  return folder;
}

/** What asks the model: it is loaded once there is something to ask. */
function openAsking(
  settings: EvaluationSettings,
  model: EvaluatedModel,
): AsyncDisposable & { readonly ask: Ask } {
  let opened: ReturnType<typeof openServer> | undefined;
  return {
    ask: async (work) => {
      if (missingTasks({ ...work, model }).length === 0) return;
      opened ??= openServer(settings, model);
      const server = await opened;
      using interruption = abortOnSignals();
      const { plain: isPlain, url } = settings;
      await runEvaluation({
        ...{ ...settings, ...work, model, isPlain, score: undefined },
        completions: new CompletionSource({
          ...server,
          model: url === undefined ? undefined : model.name,
          isPlain,
        }),
        signal: interruption.signal,
        onResult: () => undefined,
      });
    },
    [Symbol.asyncDispose]: async () => {
      await (await opened)?.[Symbol.asyncDispose]();
    },
  };
}

async function writeWinner(
  folder: string,
  fields: WayFields,
  { preset, write }: Pick<TuneCommandOptions, "preset" | "write">,
  { name }: EvaluatedModel,
): Promise<void> {
  if (preset !== undefined) {
    const path = await writeSection(folder, ({ presets }) => ({ presets: { ...presets, [preset]: fields } }));
    console.log(
      `${path}: preset '${preset}'; a server that is started from now on has it as ${name}:${preset}`,
    );
  }
  if (!write) return;
  const { section, left } = defaultsOf(fields);
  const others = `without a place there: ${left.join(", ")}, which requests send or a preset has (--preset NAME)`;
  if (Object.keys(section).length === 0)
    throw new InferenceError(
      "invalid_request",
      `--write: nothing of the winner is a model's default; ${others}.`,
    );
  const path = await writeSection(folder, () => section);
  console.log(`${path}: ${JSON.stringify(section)}; ${others}`);
}
