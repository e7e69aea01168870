import { freemem } from "node:os";
import { Command, Option } from "commander";
import { InferenceError } from "../core/errors.ts";
import { readModelFolder } from "../decoder/model-folder.ts";
import { readGraphFile } from "../engine/onnx/graphs/graph-file.ts";
import { createRunner, openGraph } from "../engine/onnx/open-graph.ts";
import type { OpenedGraph, OpenOptions } from "../engine/onnx/open-graph.ts";
import { runtimeVersion } from "../engine/onnx/ort/api.ts";
import { runtimePackage } from "../engine/onnx/ort/library.ts";
import { builtInProviders } from "../engine/onnx/ort/runtime.ts";
import type { ProductType } from "../engine/health.ts";
import type { ModelRunner } from "../engine/local/runner.ts";
import { compareModels, describeAgreement, modelToCompare } from "./compare-models.ts";
import { comparisonText } from "./comparison-text.ts";
import { examineServer } from "./doctor-server.ts";
import { engineServerOptions, hideKeys, readEngineServer } from "./engine-options.ts";
import type { EngineOptions } from "./engine-options.ts";
import { findGpus } from "./gpu.ts";
import { installableDevices, installProvider } from "./install-provider.ts";
import type { InstallableDevice } from "./install-provider.ts";
import { locateModel } from "../assembly/locate-model.ts";
import { readMachine } from "../assembly/machine.ts";
import { mib } from "../assembly/memory.ts";
import { chooseThreads } from "../assembly/room.ts";
import { modelOptions } from "./options.ts";
import { describeToolSupport, findToolSupport } from "./tool-support.ts";
import { readText } from "./text-file.ts";
import { devices } from "../engine/onnx/ort/device-memory.ts";
import type { Device } from "../engine/onnx/ort/device-memory.ts";
import type { EngineSettings } from "../assembly/engine-settings.ts";

type DoctorSettings = Pick<EngineSettings, "model" | "dtype" | "int4Compute" | "threads"> &
  EngineOptions & {
    readonly json: boolean;
    /** A device whose provider is to be fetched. */
    readonly install?: InstallableDevice;
    readonly device: Device | undefined;
    /** Model to hold this one against. */
    readonly compare?: string;
    /** File of what both read. */
    readonly text?: string;
  };

/** `metropolis doctor` */
export function doctorCommand(): Command {
  const command = new Command("doctor").description(
    "Check the runtime, and that each device computes what the CPU does; or, with --engine, what a server can do. Fails when the device or the server named cannot be used.",
  );
  for (const one of engineServerOptions()) command.addOption(one);
  return command
    .addOption(modelOptions.model())
    .addOption(modelOptions.dtype())
    .addOption(modelOptions.device().default(undefined, "all of them"))
    .addOption(modelOptions.int4Compute())
    .addOption(modelOptions.threads())
    .addOption(
      new Option(
        "--compare <folder|id>",
        "say instead how the model differs from this one on a text: perplexity, agreement, log-probs",
      ),
    )
    .addOption(new Option("--text <file>", "what both read with --compare; a page of English when left out"))
    .addOption(
      new Option(
        "--install <device>",
        "fetch instead what the runtime needs for a device, which the package does not bring along",
      ).choices(installableDevices),
    )
    .addOption(new Option("--json", "what a server can do, for programs").default(false))
    .action((settings: DoctorSettings) => doctor(settings, command));
}

async function doctor(settings: DoctorSettings, command: Command): Promise<void> {
  hideKeys(command);
  if (settings.install !== undefined) return installProvider(settings.install, runtimePackage());
  const server = await readEngineServer(settings, command);
  if (server !== undefined) {
    refuseComparison(settings);
    return examineServer(settings.model, server, settings.json);
  }
  if (settings.json)
    throw new InferenceError(
      "invalid_request",
      "--json is about a server; give --engine and --engine-url too.",
    );
  if (settings.compare !== undefined) return compare(settings, settings.compare);
  if (settings.text !== undefined)
    throw new InferenceError("invalid_request", "--text is what --compare reads; give --compare too.");
  const { graphPath, folder, id } = await locateModel(settings);
  say("node", `${process.version} on ${process.platform}-${process.arch}`);
  say("runtime", `ONNX Runtime ${runtimeVersion()}, built with ${builtInProviders().join(", ")}`);
  const { memoryBytes } = readMachine();
  say("memory", `${gibibytes(Math.min(freemem(), memoryBytes))} free of ${gibibytes(memoryBytes)}`);
  say("bandwidth", `${measureBandwidth().toFixed(1)} GB/s copying on one core`);
  say("gpu", await describeGpus());
  say("model", graphPath);
  say("tools", await describeTools(folder, id));

  const { int4Compute } = settings;
  const threads = threadsFor(graphPath, settings);
  say("threads", String(threads));
  const reference = await tryDevice(graphPath, { device: "cpu", threads, int4Compute });
  report("cpu", reference, undefined);
  if (reference instanceof InferenceError) throw reference;
  for (const device of settings.device === undefined ? devices : [settings.device]) {
    if (device === "cpu") continue;
    const outcome = await tryDevice(graphPath, { device, threads, int4Compute });
    report(device, outcome, reference);
    if (settings.device === undefined) continue;
    if (outcome instanceof InferenceError) throw outcome;
    if (!agrees(outcome, reference)) {
      throw new InferenceError("engine_failed", `Device '${device}' computes other logits than the CPU.`);
    }
  }
}

/** Devices can be tried with a graph alone, of which nobody can say how it is to be spoken to. */
async function describeTools(folder: string, id: string | undefined): Promise<string> {
  try {
    const { prompts } = await readModelFolder(folder, id);
    return describeToolSupport(await findToolSupport(prompts));
  } catch (error) {
    if (error instanceof InferenceError) return `not known: ${error.message}`;
    throw error;
  }
}

function refuseComparison({ compare: other, text }: DoctorSettings): void {
  if (other === undefined && text === undefined) return;
  const name = other === undefined ? "--text" : "--compare";
  throw new InferenceError("invalid_request", `${name} is about models in this process; leave --engine out.`);
}

async function compare(settings: DoctorSettings, other: string): Promise<void> {
  const { model: name, device = "cpu", int4Compute, text: file } = settings;
  const { graphPath } = await locateModel(settings);
  const threads = threadsFor(graphPath, settings);
  const model = await modelToCompare(settings, { device, threads, int4Compute });
  const reference = await modelToCompare({ model: other, dtype: undefined }, { device: "cpu", threads });
  const text = file === undefined ? comparisonText : await readText(file, "--text");
  say("model", name);
  say("against", other);
  for (const [row, value] of describeAgreement(await compareModels({ text, model, reference })))
    say(row, value);
}

/** Of the passes on the CPU. */
const threadsFor = (graphPath: string, { threads }: Pick<DoctorSettings, "threads">): number =>
  chooseThreads({ threads, device: "cpu" }, readGraphFile(graphPath).bytes, readMachine()).value;

const say = (name: string, value: string): void => {
  console.log(`${name.padEnd(11)}${value}`);
};

const gibibytes = (bytes: number): string => `${(bytes / mib / 1024).toFixed(1)} GiB`;

/** Bytes read and written per second, by copying a buffer larger than the caches; the best of three. */
function measureBandwidth(): number {
  const source = new Uint8Array(256 * mib).fill(1);
  const target = new Uint8Array(source.length);
  const rates = [1, 2, 3].map(() => {
    const start = performance.now();
    target.set(source);
    return (2 * source.length) / (performance.now() - start) / 1e6;
  });
  return Math.max(...rates);
}

async function describeGpus(): Promise<string> {
  const gpus = await findGpus();
  const described = gpus.map(
    ({ name, freeBytes, totalBytes, driver }) =>
      `${name}, ${gibibytes(freeBytes)} free of ${gibibytes(totalBytes)}, driver ${driver}`,
  );
  return described.join("; ") || "nvidia-smi finds none";
}

type Logits = Pick<Trial, "logits">;

interface Trial {
  readonly logits: Float32Array;
  /** Loading the graph and preparing the first pass. */
  readonly startMs: number;
  /** Median pass of one token. */
  readonly stepMs: number;
  /** Of the graph with its weights, which a pass reads once. */
  readonly fileBytes: number;
  readonly compute: ProductType;
  /** Attention and its cache stay on the CPU, though the device is another. */
  readonly isAttentionOnCpu: boolean;
}

const promptLength = 5;
const steps = 20;

/** A short prompt and a few steps over two lanes. */
async function tryDevice(path: string, opening: OpenOptions): Promise<Trial | InferenceError> {
  const { device } = opening;
  const started = performance.now();
  let opened: OpenedGraph | undefined;
  try {
    opened = openGraph(path, opening);
    const options = { device, lanes: 2, capacity: 32, maxRowTokens: promptLength };
    await using runner: ModelRunner = await createRunner(opened, options);
    const token = (position: number): number => (position * 7 + 1) % runner.vocabularySize;
    const tokens = Array.from({ length: promptLength }, (_, position) => token(position));
    for (const lane of [0, 1]) await runner.step([{ lane, tokens, position: 0 }]);
    const startMs = performance.now() - started;
    const times: number[] = [];
    let logits = new Float32Array();
    for (let position = promptLength; position < promptLength + steps; position++) {
      const start = performance.now();
      const pass = await runner.step([0, 1].map((lane) => ({ lane, tokens: [token(position)], position })));
      logits = Float32Array.from(pass.row(1));
      times.push(performance.now() - start);
    }
    const stepMs = times.sort((a, b) => a - b)[times.length >> 1]!;
    const { fileBytes, compute, cacheDevice } = opened;
    return { logits, startMs, stepMs, fileBytes, compute, isAttentionOnCpu: cacheDevice !== device };
  } catch (error) {
    opened?.session[Symbol.dispose]();
    if (error instanceof InferenceError) return error;
    throw error;
  }
}

function report(device: Device, outcome: Trial | InferenceError, reference: Trial | undefined): void {
  if (outcome instanceof InferenceError) {
    say(device, `cannot be used. ${outcome.message}`);
    return;
  }
  const { startMs, stepMs, fileBytes, compute, logits, isAttentionOnCpu } = outcome;
  const parity =
    reference === undefined
      ? logits.every(Number.isFinite)
        ? ""
        : ", but its logits are not numbers"
      : `, ${agrees(outcome, reference) ? "agrees with" : "DIFFERS from"} the cpu (logits by ${difference(outcome, reference).toExponential(1)})`;
  say(
    device,
    `works: ready in ${startMs.toFixed(0)} ms, ${stepMs.toFixed(2)} ms a step of two rows (${(fileBytes / stepMs / 1e6).toFixed(2)} GB/s of weights), products in ${compute}${parity}`,
  );
  if (isAttentionOnCpu) {
    say("", `attention runs on the CPU: ${device} has it in float16 alone. A float16 model runs whole`);
  }
}

const difference = (trial: Logits, reference: Logits): number =>
  trial.logits.reduce((most, logit, id) => Math.max(most, Math.abs(logit - reference.logits[id]!)), 0);

/** Share of the logits' range by which devices may differ: half precision and quantized activations round. */
const tolerance = 0.05;

/** Whether two devices computed the same, as far as rounding goes. */
export function agrees(trial: Logits, reference: Logits): boolean {
  const range = reference.logits.reduce((most, logit) => Math.max(most, Math.abs(logit)), 0);
  // A logit that is not a number makes the difference NaN, which is not less.
  return trial.logits.every(Number.isFinite) && difference(trial, reference) < tolerance * range;
}
