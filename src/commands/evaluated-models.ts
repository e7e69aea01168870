import { createHash } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { SingleBar } from "cli-progress";
import { Option } from "commander";
import type { Command } from "commander";
import { InferenceError } from "../core/errors.ts";
import { scoreUnder } from "../evaluation/base-model.ts";
import type { Score } from "../evaluation/base-model.ts";
import { CompletionSource } from "../evaluation/completion-source.ts";
import type { Configuration } from "../evaluation/configurations.ts";
import { namedGraders, parseDataSet } from "../evaluation/data-set.ts";
import type { DataItem, DataSetOptions } from "../evaluation/data-set.ts";
import { findPython } from "../evaluation/graders/python/sandbox.ts";
import { ResultFile } from "../evaluation/result-file.ts";
import { resultsName } from "../evaluation/stored-results.ts";
import type { Evaluation } from "../evaluation/stored-results.ts";
import { missingTasks, runEvaluation } from "../evaluation/run.ts";
import type { EvaluatedModel } from "../evaluation/run.ts";
import { listServedModels, parseAddress } from "../evaluation/server-request.ts";
import type { ServerAddress } from "../evaluation/server-request.ts";
import { fileFault } from "../files/file-fault.ts";
import { makeFolder } from "../files/make-folder.ts";
import { createCompleter } from "../assembly/create-completer.ts";
import { engineServerOptions, hideKeys, readEngineServer } from "./engine-options.ts";
import type { EngineOptions } from "./engine-options.ts";
import { refuseIdleOptions } from "./idle-options.ts";
import { abortOnSignals } from "./exit-on-signals.ts";
import { integerFrom, listOf, modelOptions, option } from "./options.ts";
import { reachServer } from "../assembly/own-server.ts";
import { provideModel, provideTokenizer } from "./provide-model.ts";
import { readText } from "./text-file.ts";
import { usualEngine } from "../assembly/engine-settings.ts";
import type { EngineServer, EngineSettings } from "../assembly/engine-settings.ts";

/** Settings of the commands that ask questions. */
export type EvaluationSettings = DataSetOptions &
  Pick<
    EngineSettings,
    "dtype" | "device" | "int4Compute" | "threads" | "lanes" | "context" | "deterministic"
  > & {
    readonly data: string;
    /** Questions to ask, the first of the data; all when left out. */
    readonly limit?: number;
    readonly n: number;
    readonly maxTokens: number | undefined;
    readonly seed: number;
    readonly concurrency: number;
    readonly url: string | undefined;
    readonly apiKey: string | undefined;
    readonly servedModel: readonly string[] | undefined;
    readonly plain: boolean;
    readonly model: readonly string[];
    /** What runs the model in place of this process, where no server of ours is asked. */
    readonly server: EngineServer | undefined;
    /** Model under which answers are scored; each model's own when left out. */
    readonly base?: string;
    /** Folder of results. */
    readonly out: string;
  };

export const dataOptions = (): Option[] => [
  new Option("--data <file>", "questions, a JSON object a line").makeOptionMandatory(),
  new Option("--limit <n>", "ask only the first questions").argParser(integerFrom(1)),
  new Option("--n <n>", "answers to each question").argParser(integerFrom(1, 128)).default(16),
  new Option("--max-tokens <n>", "longest answer; the model's when left out").argParser(integerFrom(1)),
  new Option("--seed <n>", "repeats a run").argParser(integerFrom(0, 2 ** 52)).default(0),
  new Option("--grader <name>", "for questions that name none").choices(namedGraders).default("last_number"),
  new Option("--allow-commands", "let the data's graders run commands on this machine").default(false),
  new Option("--allow-code", "let graders run the Python that a model writes, in a sandbox").default(false),
  new Option("--allow-unsandboxed-code", "let it run also where this machine has no sandbox").default(false),
  new Option("--concurrency <n>", "requests at once").argParser(integerFrom(1, 512)).default(8),
];

export const engineOptions = (): Option[] => [
  option("--url <address>", "server to ask; without one the models run in this process"),
  option("--api-key <key>", "key that the server wants"),
  new Option("--served-model <names>", "models on the server that is asked, separated by commas").argParser(
    listOf(String),
  ),
  new Option("--plain", "the server knows OpenAI's fields alone").default(false),
  option("--model <folders|ids>", "models to run where no server is asked, separated by commas")
    .argParser(listOf(String))
    .default([usualEngine.model], "the embedded abacus"),
  ...engineServerOptions(),
  modelOptions.dtype(),
  modelOptions.device(),
  modelOptions.int4Compute(),
  modelOptions.threads(),
  modelOptions.lanes().default(32),
  modelOptions.context(),
  new Option("--deterministic", "one shape for every pass: the same answers to the last bit").default(false),
];

/** Settings as a command line has them. */
export type EvaluationOptions = Omit<EvaluationSettings, "server"> & EngineOptions;

/**
 * Finds what runs the model. What the command would not read is refused.
 * @throws InferenceError naming the option
 */
export async function settle<Options extends EvaluationOptions>(
  options: Options,
  command: Command,
): Promise<Options & Pick<EvaluationSettings, "server">> {
  hideKeys(command);
  refuseIdleOptions(command);
  const { url, base, model } = options;
  if (url !== undefined) return { ...options, server: undefined };
  const server = await readEngineServer(options, command, base !== undefined && base !== model[0]);
  if (server !== undefined && model.length > 1) {
    throw new InferenceError(
      "invalid_request",
      `--model: a server runs one model; name one folder or id with --engine ${server.dialect}.`,
    );
  }
  return { ...options, server };
}

interface OpenResults {
  readonly file: ResultFile;
  /** What all results have in common. */
  readonly evaluation: Evaluation;
}

/** Reads the data, and opens the results that the folder has, if they are of the same evaluation. */
export async function openEvaluation(
  settings: EvaluationSettings,
): Promise<OpenResults & { readonly items: readonly DataItem[] }> {
  const items = await readItems(settings);
  return { items, ...(await openResults(settings)) };
}

/** The questions to ask. @throws InferenceError also where what grades them is not to be had */
export async function readItems(settings: EvaluationSettings): Promise<readonly DataItem[]> {
  const { data } = settings;
  const items = parseDataSet(await readText(data, "--data"), { ...settings, name: data }).slice(
    0,
    settings.limit,
  );
  if (items.some(({ grader: own }) => own.type === "python"))
    await findPython({ allowUnsandboxed: settings.allowUnsandboxedCode === true });
  return items;
}

/**
 * Opens the results that the folder has, if they are of the same evaluation.
 * @param more what else all results have in common
 */
export async function openResults(settings: EvaluationSettings, more: Evaluation = {}): Promise<OpenResults> {
  const { data, limit = null, n, maxTokens = null, seed, grader, base = null, out } = settings;
  const { dtype, int4Compute, context, plain } = settings;
  const digest = createHash("sha256")
    .update(await readFile(data))
    .digest("hex");
  const evaluation = {
    ...{ data: digest, limit, n, maxTokens, seed, grader, base },
    ...(dtype === undefined ? {} : { dtype }),
    ...(int4Compute === undefined ? {} : { int4Compute }),
    ...(context === undefined ? {} : { context }),
    ...(plain ? { plain } : {}),
    ...more,
  };
  await makeFolder(resolve(out)).catch((cause: unknown) => {
    throw fileFault(`--out: ${out} is no folder, and cannot be made one`, cause);
  });
  return { file: await ResultFile.open(join(out, resultsName), evaluation), evaluation };
}

/** A folder by its last part; an id of the hub as it is. */
export async function nameModel(source: string): Promise<string> {
  const found = await stat(source).catch(() => undefined);
  return found === undefined ? source : basename(resolve(source));
}

/**
 * Asks all models, one after another, for what the file lacks; shows how far it has come. A signal leaves what is done.
 */
export async function runModels(
  settings: EvaluationSettings,
  work: {
    readonly items: readonly DataItem[];
    readonly configurations: readonly Configuration[];
    readonly file: ResultFile;
  },
): Promise<readonly EvaluatedModel[]> {
  const models = await listModels(settings);
  checkSources(models, work.file);
  const bar = new SingleBar({
    format: "{bar} {value}/{total} questions  {duration_formatted}, {eta_formatted} left  {model}",
    gracefulExit: false,
    noTTYOutput: true,
    notTTYSchedule: 10_000,
  });
  const { seed, plain: isPlain } = settings;
  const missing = models.map((model) => missingTasks({ ...work, model, seed }).length);
  const total = models.length * work.items.length * work.configurations.length;
  bar.start(total, total - missing.reduce((sum, count) => sum + count, 0), { model: "" });
  try {
    await using base = await openBase(settings);
    for (const [index, model] of models.entries()) {
      if (missing[index] === 0) continue;
      bar.update({ model: model.name });
      await using server = await openServer(settings, model);
      // What comes before has nothing to bring to an end.
      using interruption = abortOnSignals();
      await runEvaluation({
        ...work,
        ...settings,
        model,
        isPlain,
        completions: new CompletionSource({
          ...server,
          model: settings.url === undefined ? undefined : model.name,
          isPlain,
        }),
        // What it says of its own answers is the same to the rounding of a pass.
        score: modelOf(settings, model) === settings.base ? undefined : base.score,
        signal: interruption.signal,
        onResult: () => {
          bar.increment();
        },
      });
    }
  } finally {
    bar.stop();
  }
  return models;
}

/** What is to be asked, by name and source. @throws InferenceError naming the option */
export async function listModels(settings: EvaluationSettings): Promise<EvaluatedModel[]> {
  const { url, model, servedModel } = settings;
  if (url !== undefined) {
    const source = parseAddress(url);
    const names = servedModel ?? [await findServedModel({ url: source, apiKey: settings.apiKey })];
    return names.map((name) => ({ name, source }));
  }
  const models = await Promise.all(
    model.map(async (source) => ({ name: await nameModel(source), source: settings.server?.url ?? source })),
  );
  const twice = models.find(({ name }, index) => models.findIndex((other) => other.name === name) < index);
  if (twice === undefined) return models;
  throw new InferenceError(
    "invalid_request",
    `--model: two models are called '${twice.name}'; a report could not tell them apart.`,
  );
}

/** The model of a server that has one. Its name tells answers apart when another server comes to the same address. */
async function findServedModel(server: ServerAddress): Promise<string> {
  const [first, ...others] = await listServedModels(server);
  // The rest may be the same one with a sampler's suffix.
  if (first !== undefined && others.every((name) => name.startsWith(`${first}:`))) return first;
  throw new InferenceError(
    "invalid_request",
    `--served-model: say which of the server's models to ask: ${[first ?? "it tells none", ...others].join(", ")}.`,
  );
}

/** Results of a model of the same name from elsewhere are not to be mixed with its own. */
function checkSources(models: readonly EvaluatedModel[], { results }: ResultFile): void {
  for (const { name, source } of models) {
    const foreign = results.find((result) => result.model === name && result.source !== source);
    if (foreign === undefined) continue;
    throw new InferenceError(
      "invalid_request",
      `--out holds answers of '${name}' from ${foreign.source}, not from ${source}. Choose another --out.`,
    );
  }
}

/** Its folder or id, where no server of ours is asked. */
const modelOf = ({ server, model }: EvaluationSettings, { source }: EvaluatedModel): string =>
  server === undefined ? source : model[0]!;

/** What answers for a model: disposed of, it ends. */
export async function openServer(settings: EvaluationSettings, evaluated: EvaluatedModel) {
  const { url, apiKey, dtype, server } = settings;
  if (url !== undefined) return reachServer({ url: evaluated.source, apiKey });
  const model = modelOf(settings, evaluated);
  await (server === undefined ? provideModel({ model, dtype }) : provideTokenizer(model));
  return reachServer({ ...engineOf(settings), model, server, url, apiKey });
}

async function openBase(settings: EvaluationSettings): Promise<AsyncDisposable & { readonly score?: Score }> {
  const { base, dtype, model, url } = settings;
  const isNeeded = base !== undefined && (url !== undefined || model.some((one) => one !== base));
  if (!isNeeded) return { [Symbol.asyncDispose]: () => Promise.resolve() };
  await provideModel({ model: base, dtype });
  const { completer } = await createCompleter({ ...usualEngine, ...engineOf(settings), model: base });
  return { score: scoreUnder(completer), [Symbol.asyncDispose]: () => completer[Symbol.asyncDispose]() };
}

const engineOf = ({
  dtype,
  device,
  int4Compute,
  threads,
  lanes,
  context,
  deterministic,
}: EvaluationSettings): Pick<
  EngineSettings,
  | "dtype"
  | "device"
  | "int4Compute"
  | "threads"
  | "lanes"
  | "context"
  | "deterministic"
  | "prefetch"
  | "speculation"
> => ({
  dtype,
  device,
  int4Compute,
  threads,
  lanes,
  context,
  deterministic,
  // All lanes have work, and what an answer cost is to depend on its chain alone.
  prefetch: false,
  // Nor are its numbers, to the last bit, to depend on what else was said in passes before.
  speculation: false,
});
