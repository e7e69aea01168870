import { open, readFile } from "node:fs/promises";
import { basename } from "node:path";
import { Command, Option } from "commander";
import { InferenceError } from "../core/errors.ts";
import { configurations } from "../evaluation/configurations.ts";
import { fitPoints, warningsOf } from "../evaluation/entropy/fit.ts";
import { measureEntropy } from "../evaluation/entropy/measure.ts";
import type { Bounded } from "../evaluation/entropy/measure.ts";
import { parsePoints } from "../evaluation/entropy/points.ts";
import type { Estimate } from "../evaluation/statistics.ts";
import { fileFault } from "../files/file-fault.ts";
import { appendWhole, writeWhole } from "../files/write-whole.ts";
import { dataOptions, engineOptions, openEvaluation, runModels, settle } from "./evaluated-models.ts";
import type { EvaluationOptions } from "./evaluated-models.ts";
import { integerFrom, listOf, numberFrom } from "./options.ts";
import { readText } from "./text-file.ts";

const examples = `
Examples:
  metropolis entropy --data problems.jsonl --model checkpoint      H of a model, and its accuracy
  metropolis entropy --data problems.jsonl --model a,b,c --steps 0,100,200 --points run.jsonl
                                                                   points of a run's checkpoints
  metropolis entropy fit run.jsonl --out fit.html                  R = -a exp(H) + b`;

/** `metropolis entropy` */
export function entropyCommand(): Command {
  const measure = new Command("measure")
    .description("Measure a model's policy entropy and its accuracy on answers drawn at temperature 1.")
    .addOption(new Option("--out <folder>", "where the answers go").default("entropy"))
    .addOption(new Option("--points <file>", "append a point for each model, for `entropy fit`"))
    .addOption(
      new Option("--steps <numbers>", "training steps of the models, separated by commas").argParser(
        listOf(integerFrom(0)),
      ),
    );
  for (const option of [...dataOptions(), ...engineOptions()]) measure.addOption(option);
  const fit = new Command("fit")
    .description("Fit accuracy to entropy along a run of RL: R = -a exp(H) + b.")
    .argument("<points>", "a JSON object a line: step, H (nats), HUpper?, R, n?, model?, intervention?")
    .addOption(
      new Option("--first <share>", "of the run, that the back-test fits")
        .argParser(numberFrom(0.01, 0.99))
        .default(0.15),
    )
    .addOption(new Option("--out <file>", "write the plot: .svg, or .html with all figures"))
    .action(fitFile);
  return new Command("entropy")
    .description("Policy entropy: measure it, and fit accuracy to it.")
    .addCommand(measure.action(measureModels), { isDefault: true })
    .addCommand(fit)
    .addHelpText("after", examples);
}

type MeasureOptions = EvaluationOptions & {
  readonly points: string | undefined;
  readonly steps: readonly number[] | undefined;
};

async function measureModels(options: MeasureOptions, command: Command): Promise<void> {
  const settings = await settle(options, command);
  const { points, steps } = settings;
  const sources = settings.url === undefined ? settings.model : (settings.servedModel ?? [settings.url]);
  if (settings.plain) {
    throw new InferenceError(
      "invalid_request",
      "--plain: a server without our fields does not tell entropies.",
    );
  }
  if (points !== undefined && steps?.length !== sources.length) {
    throw new InferenceError("invalid_request", "--points wants --steps: one training step for each model.");
  }
  if (points === undefined && steps !== undefined) {
    throw new InferenceError(
      "invalid_request",
      "--steps says what --points writes; give a file to --points.",
    );
  }
  const { items, file: opened } = await openEvaluation(settings);
  await using file = opened;
  const models = await runModels(settings, { items, configurations: configurations(["standard"], {}), file });
  for (const [index, { name }] of models.entries()) {
    const own = file.results.filter(
      ({ model, configuration }) => model === name && configuration === "standard",
    );
    const { tokenMean, sequenceMean, accuracy, answers } = measureEntropy(own);
    console.log(`${name}: ${answers} answers`);
    console.log(`  H, mean over tokens (token-mean)    ${boundsInWords(tokenMean)} nats`);
    console.log(`  H, mean over answers (seq-mean)     ${boundsInWords(sequenceMean)} nats`);
    console.log(`  R, accuracy                         ${inWords(accuracy)}`);
    if (sequenceMean.upper !== undefined) console.log(boundsExplained);
    if (points === undefined) continue;
    const point = {
      step: steps![index]!,
      H: sequenceMean.value,
      ...(sequenceMean.upper === undefined ? {} : { HUpper: sequenceMean.upper.value }),
      tokenMeanH: tokenMean.value,
      ...(tokenMean.upper === undefined ? {} : { tokenMeanHUpper: tokenMean.upper.value }),
      R: accuracy.value,
      n: answers,
      checkpoint: name,
    };
    await appendPoint(points, JSON.stringify(point));
  }
}

/** Adds a line that the file does not have: a measurement that is repeated is the same point. */
async function appendPoint(path: string, line: string): Promise<void> {
  try {
    await using file = await open(path, "a+");
    const text = await readFile(path, "utf8");
    if (text.split("\n").includes(line)) return;
    await appendWhole(file, `${text === "" || text.endsWith("\n") ? "" : "\n"}${line}\n`);
  } catch (error) {
    const kept = "The answers are kept: the same command adds the point";
    throw fileFault(`--points: ${path} cannot be written`, error, kept);
  }
}

async function fitFile(path: string, { first, out }: { first: number; out?: string }): Promise<void> {
  if (out !== undefined && !/\.(svg|html)$/.test(out)) {
    throw new InferenceError("invalid_request", "--out: the plot is an .svg or an .html file.");
  }
  const points = parsePoints(await readText(path, "points"), path);
  const fit = fitPoints(points, first);
  const warnings = warningsOf(points, fit);
  const { a, b, ceiling, rmse, rSquared, samplingError, backTest } = fit;
  console.log(`R = -a exp(H) + b over ${points.length} points`);
  console.log(`  a        ${inWords(a)}`);
  console.log(`  b        ${inWords(b)}`);
  console.log(`  ceiling  ${inWords(ceiling)}   b - a, where no entropy is left`);
  const noise = samplingError === undefined ? "" : `   (sampling alone: at most ${samplingError.toFixed(4)})`;
  console.log(`  RMSE     ${rmse.toFixed(4)}${noise}`);
  console.log(`  R2       ${rSquared.toFixed(4)}`);
  console.log(
    backTest === undefined
      ? "  back-test: the first part is too short; give a larger --first, or more points"
      : `  back-test from the first ${backTest.fitted}: ceiling ${backTest.ceiling.toFixed(4)}, RMSE on the rest ${backTest.rmse.toFixed(4)}, error at the last point ${backTest.lastError.toFixed(4)}`,
  );
  for (const warning of warnings) console.log(`warning: ${warning}`);
  if (out === undefined) return;
  // The chart library is slow to load, and only this needs it.
  const { drawFit, renderFit } = await import("../evaluation/entropy/fit-report.ts");
  const content = { title: basename(path), points, fit, warnings };
  await writeWhole(out, out.endsWith(".svg") ? drawFit(content) : renderFit(content));
  console.log(`\nplot: ${out}`);
}

const boundsExplained =
  "  from the lower bound to the upper one: the server that runs the model tells its likeliest tokens alone";

const boundsInWords = ({ upper, ...lower }: Bounded): string =>
  upper === undefined ? inWords(lower) : `${inWords(lower)} to ${inWords(upper)}`;

const inWords = ({ value, low, high }: Estimate): string =>
  Number.isNaN(low) ? value.toFixed(4) : `${value.toFixed(4)} [${low.toFixed(4)}, ${high.toFixed(4)}]`;
