import { Command, Option } from "commander";
import { devices } from "../src/commands/serve-settings.ts";
import type { Device } from "../src/engine/onnx/ort/device-memory.ts";
import { benchDecode } from "./decode.ts";
import { benchDevice } from "./device.ts";
import { benchFairness } from "./fairness.ts";
import { benchHttp } from "./http.ts";
import { benchAccelerations, benchConcurrency, benchDeterminism } from "./power.ts";
import { benchPrefetching } from "./prefetch.ts";
import { benchRealModel } from "./real-model.ts";
import { benchRoofline } from "./roofline.ts";
import { describeMachine } from "./report.ts";
import { benchSampling } from "./sampling.ts";
import { benchStreams } from "./streams.ts";

interface BenchOptions {
  readonly model?: string;
  readonly device?: Device;
  readonly threads: number;
}

const program = new Command("bench")
  .description(
    "Measures what the engine and the sampler save, each as a ratio of two things timed in this run.",
  )
  .argument(
    "[parts...]",
    "decode, accelerations, concurrency, prefetching, determinism, streams, fairness, sampling, roofline, http; all of them when none is named",
  )
  .option("--model <folder>", "measure this model instead")
  .addOption(
    new Option("--device <device>", "measure decoding on this device, the CPU beside it").choices(devices),
  )
  .option("--threads <n>", "native threads of one forward pass", Number, 1)
  .action(async (parts: string[], { model, device, threads }: BenchOptions) => {
    const wants = (part: string): boolean => parts.length === 0 || parts.includes(part);
    console.log(describeMachine());
    if (model !== undefined) return benchRealModel(model, threads);
    if (device !== undefined) return benchDevice(device, threads);
    if (wants("decode")) await benchDecode(threads);
    if (wants("accelerations")) await benchAccelerations(100);
    if (wants("concurrency")) await benchConcurrency(32);
    if (wants("prefetching")) await benchPrefetching(20);
    if (wants("determinism")) await benchDeterminism(64);
    if (wants("streams")) await benchStreams(100, 6);
    if (wants("fairness")) await benchFairness(20);
    if (wants("sampling")) await benchSampling(threads);
    if (wants("roofline")) await benchRoofline(threads);
    if (wants("http")) await benchHttp(100);
  });

await program.parseAsync();
