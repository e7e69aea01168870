import { measure } from "../src/sampling/measure.ts";
import { createRunner, openGraph } from "../src/engine/onnx/open-graph.ts";
import type { Device } from "../src/engine/onnx/ort/device-memory.ts";
import type { BatchRow, ModelRunner } from "../src/engine/local/runner.ts";
import { mediumShape, writeRandomModel } from "./random-model.ts";
import type { WeightFormat } from "./random-model.ts";
import { median, printTable, timeMs } from "./report.ts";

const contextTokens = 64;
const lanes = 32;
const steps = 15;
const inverseTemperature = 4;
const largeVocabulary = 152_064;

/**
 * What a device makes of a decode step of the 135M shape, vocabulary 152k: the step alone, with its rows measured where
 * they stand, and with its rows brought to the host and measured there; the CPU's beside it.
 */
export async function benchDevice(device: Device, threads: number): Promise<void> {
  const table: string[][] = [];
  for (const { format, where } of subjectsOn(device)) {
    await using model = await writeRandomModel({ ...mediumShape, vocabularySize: largeVocabulary }, format);
    const options = { device: where, threads, lanes, capacity: 256, maxRowTokens: contextTokens };
    await using runner = await createRunner(openGraph(model.path, options), options);
    for (const rows of [1, 4, 16, 32]) {
      const { alone, there, here } = await timeSteps(runner, rows);
      table.push([
        `${where}, ${format}`,
        String(rows),
        alone.toFixed(2),
        there.toFixed(2),
        here.toFixed(2),
        ((rows * 1000) / there).toFixed(0),
      ]);
    }
  }
  console.log(
    `\ndevice: 135M shape, vocabulary ${largeVocabulary.toLocaleString("en")}, ${threads} thread(s)\n`,
  );
  printTable(
    [
      "device",
      "rows",
      "step, ms",
      "and measured there, ms",
      "or in JavaScript, ms",
      "tokens/s, measured there",
    ],
    table,
  );
}

/** The CPU has float32 alone at speed, CUDA attention in halves alone. */
function subjectsOn(device: Device): { format: WeightFormat; where: Device }[] {
  const onCpu = { format: "fp32", where: "cpu" } as const;
  if (device === "cpu") return [onCpu];
  return [onCpu, { format: "fp32", where: device }, { format: "fp16", where: device }];
}

/** Medians, ms. */
async function timeSteps(
  runner: ModelRunner,
  rows: number,
): Promise<{ alone: number; there: number; here: number }> {
  for (let lane = 0; lane < rows; lane++) {
    const tokens = Array.from(
      { length: contextTokens },
      (_, index) => (index * 131 + lane) % largeVocabulary,
    );
    await runner.step([{ lane, tokens, position: 0 }]);
  }
  const batch: BatchRow[] = Array.from({ length: rows }, (_, lane) => ({
    lane,
    tokens: [lane],
    position: contextTokens,
  }));
  const measured = batch.map((row) => ({ ...row, measuredFrom: 0, inverseTemperature }));
  const ways = {
    alone: () => runner.step(batch),
    there: async () => {
      const pass = await runner.step(measured);
      for (const row of batch.keys()) pass.distribution(row, 0, inverseTemperature);
    },
    here: async () => {
      const pass = await runner.step(batch);
      for (const row of batch.keys()) measure(pass.row(row), inverseTemperature);
    },
  };
  const times = { alone: [] as number[], there: [] as number[], here: [] as number[] };
  for (const way of Object.values(ways)) await way();
  for (let step = 0; step < steps; step++) {
    for (const name of ["alone", "there", "here"] as const) times[name].push(await timeMs(ways[name]));
  }
  return { alone: median(times.alone), there: median(times.there), here: median(times.here) };
}
