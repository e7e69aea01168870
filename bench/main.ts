import { Argument, Command, Option } from "commander";
import { devices } from "../src/engine/onnx/ort/device-memory.ts";
import type { Device } from "../src/engine/onnx/ort/device-memory.ts";
import { dialectNames } from "../src/engine/remote/dialect.ts";
import type { DialectName } from "../src/engine/remote/dialect.ts";
import { int4Computes } from "../src/engine/onnx/graphs/matmul-compute.ts";
import type { Int4Compute } from "../src/engine/onnx/graphs/matmul-compute.ts";
import { benchAttacks } from "./attacks/attacks.ts";
import { benchBursts } from "./bursts.ts";
import { benchCluster } from "./cluster.ts";
import { benchDecode } from "./decode.ts";
import { benchDevice } from "./device.ts";
import { benchExact } from "./exact.ts";
import { benchFairness } from "./fairness.ts";
import { benchFrontier } from "./frontier/frontier.ts";
import { benchHttp } from "./http.ts";
import { benchAccelerations, benchConcurrency, benchDeterminism } from "./power.ts";
import { benchNumbers } from "./numbers.ts";
import { benchOutages } from "./outages.ts";
import { benchPeers } from "./peers/peers.ts";
import { benchPrefetching } from "./prefetch.ts";
import { benchRealModel } from "./real-model.ts";
import { benchRoofline } from "./roofline.ts";
import { benchMasks } from "./masks.ts";
import { benchMixing } from "./mixing.ts";
import { describeMachine } from "./report.ts";
import { benchSampling } from "./sampling.ts";
import { benchSoak } from "./soak/soak.ts";
import { benchSpeculation } from "./speculation.ts";
import { benchStreams } from "./streams.ts";
import { benchText } from "./text.ts";

interface BenchOptions {
  readonly model?: string;
  readonly int4?: string;
  readonly hf?: string;
  readonly ggufFp32?: string;
  readonly ggufInt4?: string;
  readonly venv: string;
  readonly peers?: string[];
  readonly rounds: number;
  readonly tokens: number;
  readonly device?: Device;
  readonly int4Compute?: Int4Compute;
  readonly threads: number;
  readonly engine: DialectName;
  readonly engineUrl?: string;
  readonly restart?: string;
  readonly minutes: number;
  readonly clients: number;
  readonly serverMain?: string;
  readonly seconds: number;
  readonly only?: string;
  readonly data?: string;
  readonly questions: number;
  readonly seeds: number;
  readonly maxTokens: number;
  readonly results: string;
  readonly engineCalls: number;
  readonly atOnce: readonly number[];
}

const parts: Record<string, (threads: number) => Promise<void>> = {
  decode: benchDecode,
  accelerations: () => benchAccelerations(100),
  concurrency: () => benchConcurrency(32),
  prefetching: () => benchPrefetching(20),
  determinism: () => benchDeterminism(64),
  streams: () => benchStreams(100, 6),
  fairness: () => benchFairness(20),
  sampling: benchSampling,
  masks: benchMasks,
  roofline: benchRoofline,
  http: () => benchHttp(100),
  text: benchText,
  mixing: (threads) => benchMixing(threads),
  exact: (threads) => benchExact(threads),
  numbers: (threads) => benchNumbers(threads),
};

/** With --model. */
const modelParts: Record<string, (model: string, options: BenchOptions) => Promise<void>> = {
  speed: (model, { threads }) => benchRealModel(model, threads),
  exact: (model, { threads }) => benchExact(threads, model),
  mixing: (model, { threads }) => benchMixing(threads, model),
  frontier: (model, { threads, data, questions, seeds, maxTokens, results, only }) =>
    benchFrontier({ model, threads, data, questions, seeds, maxTokens, results, only }),
  peers: (model, { int4, hf, ...options }) =>
    benchPeers({
      ...options,
      models: [
        { format: "fp32", onnx: model, hf, gguf: options.ggufFp32 },
        ...(int4 === undefined ? [] : [{ format: "int4", onnx: int4, gguf: options.ggufInt4 }]),
      ],
    }),
  cluster: (model, { engine: dialect, engineUrl: url, engineCalls: maxCalls, ...options }) => {
    if (url === undefined) throw new Error("cluster wants --engine-url");
    return benchCluster({ ...options, model, server: { dialect, url, maxCalls } });
  },
  speculation: (model, { threads, only }) => benchSpeculation(model, threads, only),
  numbers: (model, { threads, int4Compute }) => benchNumbers(threads, model, int4Compute),
};

/** Only where they are named: they take long, and say whether something is wrong rather than how fast it is. */
const trials: Record<string, (options: BenchOptions) => Promise<void>> = {
  attacks: ({ serverMain, seconds, only }) => benchAttacks({ serverMain, seconds, only }),
  bursts: ({ model, threads, serverMain }) => benchBursts({ model, threads, serverMain }),
  outages: ({ engine, engineUrl, model, restart, minutes, clients }) =>
    benchOutages({ engine, engineUrl, model, restart, minutes, clients }),
  soak: ({ model, minutes, clients, threads }) => benchSoak({ model, minutes, clients, threads }),
};

const program = new Command("bench")
  .description(
    "Measures what the engine and the sampler save, each as a ratio of two things timed in this run.",
  )
  .addArgument(
    new Argument("[parts...]", "all but the trials when none is named").choices([
      ...Object.keys(parts),
      ...Object.keys(trials),
      "cluster",
      "speed",
      "frontier",
      "peers",
      "speculation",
    ]),
  )
  .option("--model <folder>", "measure this model instead")
  .addOption(
    new Option("--device <device>", "measure decoding on this device, the CPU beside it").choices(devices),
  )
  .addOption(new Option("--int4-compute <type>", "of `numbers`").choices(int4Computes))
  .option("--threads <n>", "native threads of one forward pass", Number, 1)
  .option("--int4 <folder>", "of `peers`: the model in 4 bits")
  .option("--hf <folder>", "of `peers`: the model as torch reads it")
  .option("--gguf-fp32 <file>", "of `peers`: the model as llama.cpp reads it")
  .option("--gguf-int4 <file>", "of `peers`: the same in 4 bits")
  .option("--venv <folder>", "of `peers`: what scripts/peers.sh made", ".venv")
  .option("--peers <names...>", "peers whose names have one of these in them")
  .option("--rounds <n>", "in which each peer has its turn", Number, 5)
  .option("--tokens <n>", "that each peer generates to each prompt", Number, 64)
  .addOption(
    new Option("--engine <name>", "of `cluster` and `outages`: what runs the model")
      .choices(dialectNames)
      .default("vllm"),
  )
  .option("--engine-url <url>", "of `cluster` and `outages`: where it runs")
  .option("--restart <command>", "of `outages`: what ends it, however, and starts it again")
  .option("--minutes <n>", "how long the soak goes on, or the outages", Number, 60)
  .option("--clients <n>", "clients of the soak, or of the outages", Number, 500)
  .option(
    "--server-main <file>",
    "dist/main.js of the build that is attacked, or measured beside this one by `peers` and `bursts`",
  )
  .option("--seconds <n>", "how long each attack goes on", Number, 10)
  .option(
    "--only <text>",
    "attacks, settings of the frontier or workloads of the peers, whose names have this in them",
  )
  .option("--engine-calls <n>", "of `cluster`: calls to it at once", Number, 64)
  .option("--at-once <n,...>", "of `cluster`: requests", (list) => list.split(",").map(Number), [1, 8])
  .option("--data <folder>", "svamp.json and gsm8k-test.jsonl as published: questions of the frontier")
  .option("--questions <n>", "questions of each set", Number, 8)
  .option("--seeds <n>", "completions of each question", Number, 2)
  .option("--max-tokens <n>", "of each completion", Number, 64)
  .option("--results <folder>", "where the frontier keeps its runs, to go on from", "frontier")
  .action(async (named: string[], options: BenchOptions) => {
    const { model, device, threads } = options;
    console.log(describeMachine());
    const asked = named.filter((name) => name in trials);
    for (const name of asked) await trials[name]!(options);
    if (asked.length > 0) return;
    if (model !== undefined) {
      for (const name of named.length === 0 ? ["speed"] : named) {
        const run = modelParts[name];
        if (run === undefined)
          throw new Error(`with --model there are ${Object.keys(modelParts).join(", ")}`);
        await run(model, options);
      }
      return;
    }
    if (device !== undefined) return benchDevice(device, threads);
    for (const [name, run] of Object.entries(parts))
      if (named.length === 0 || named.includes(name)) await run(threads);
  });

await program.parseAsync();
