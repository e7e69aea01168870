import { fileURLToPath } from "node:url";
import { embeddedModels } from "../lab/embedded-model.ts";
import type { DecoderShape } from "../lab/export-onnx.ts";
import { createRunner, openGraph } from "../src/engine/onnx/open-graph.ts";
import { measureMultiplying, measureReading } from "./machine-limits.ts";
import { profileDecode } from "./operator-profile.ts";
import { mediumShape, writeRandomModel } from "./random-model.ts";
import type { RandomModel, WeightFormat } from "./random-model.ts";
import { median, printTable, timeMs } from "./report.ts";

const contextTokens = 64;
const steps = 12;
const lanes = 16;

interface Subject {
  readonly name: string;
  readonly shape: DecoderShape;
  readonly format: WeightFormat;
  readonly open: () => Promise<RandomModel>;
}

const subjects: readonly Subject[] = [
  {
    name: "embedded",
    shape: embeddedModels.abacus.shape,
    format: "fp32",
    open: () =>
      Promise.resolve({
        path: fileURLToPath(new URL("../models/abacus/model.onnx", import.meta.url)),
        [Symbol.asyncDispose]: () => Promise.resolve(),
      }),
  },
  ...(["fp32", "4-bit"] as const).map((format) => ({
    name: `135M, ${format}`,
    shape: mediumShape,
    format,
    open: () => writeRandomModel(mediumShape, format),
  })),
];

/**
 * How close decoding comes to what the machine allows: reading all weights and the cached K/V once a step, or
 * multiplying them, whichever takes longer. Limits and steps are measured in this run, and the operators that take the
 * time named.
 */
export async function benchRoofline(threads: number): Promise<void> {
  const alone = await measureReading(1);
  const together = await measureReading(threads);
  const table: string[][] = [];
  const profiles: string[][] = [];
  for (const subject of subjects) {
    await using model = await subject.open();
    for (const rows of [1, 16]) {
      // Anew each time: the machine's other work changes from minute to minute.
      const limits = {
        bytesPerSecond: await measureReading(threads),
        flopsPerSecond: await measureMultiplying(threads, subject.format),
      };
      const stepMs = await timeStep(model.path, rows, threads);
      table.push(describe(subject, rows, limits, stepMs));
    }
    for (const rows of [1, 16]) {
      const parts = await profileDecode(model.path, subject.shape, { rows, contextTokens, threads });
      const named = parts.map(({ operator, share }) => `${operator} ${(100 * share).toFixed(0)} %`);
      profiles.push([subject.name, String(rows), named.join(", ")]);
    }
  }
  console.log(`\nroofline: decode of ${contextTokens} cached tokens a row, ${threads} thread(s)`);
  console.log(
    `memory: ${(alone / 1e9).toFixed(1)} GB/s by one thread, ${(together / 1e9).toFixed(1)} by ${threads}\n`,
  );
  printTable(
    ["model", "rows", "read, MB", "GB/s", "GFLOP/s", "floor, ms", "step, ms", "tokens/s", "floor reached"],
    table,
  );
  console.log(
    "\nThe embedded model fits in the processor's caches: memory is no limit to it, calling 50 small operators is.",
  );
  console.log("\nwhere the time of the operators goes\n");
  printTable(["model", "rows", "operators"], profiles);
}

interface Limits {
  readonly bytesPerSecond: number;
  /** In the format of the weights. */
  readonly flopsPerSecond: number;
}

function describe(
  { name, shape, format }: Subject,
  rows: number,
  { bytesPerSecond, flopsPerSecond }: Limits,
  stepMs: number,
): string[] {
  const { bytes, flops } = costOf(shape, format, rows);
  const floorMs = 1000 * Math.max(bytes / bytesPerSecond, flops / flopsPerSecond);
  return [
    name,
    String(rows),
    (bytes / 1e6).toFixed(1),
    (bytesPerSecond / 1e9).toFixed(1),
    (flopsPerSecond / 1e9).toFixed(0),
    floorMs.toFixed(3),
    stepMs.toFixed(3),
    ((rows * 1000) / stepMs).toFixed(0),
    `${((100 * floorMs) / stepMs).toFixed(0)} %`,
  ];
}

/** A float32 scale for every 32 weights of four bits. */
const bytesPerWeight: Readonly<Record<WeightFormat, number>> = { fp32: 4, fp16: 2, "4-bit": 0.5 + 4 / 32 };

/**
 * What one step reads and computes at least: each matrix once, the cache of each row, two operations a weight and row.
 */
function costOf(shape: DecoderShape, format: WeightFormat, rows: number): { bytes: number; flops: number } {
  const { hiddenSize, heads, kvHeads, headDim, intermediateSize, layers, vocabularySize } = shape;
  const attention = 2 * hiddenSize * headDim * (heads + kvHeads);
  const mlp = 3 * hiddenSize * intermediateSize;
  const weights = layers * (attention + mlp) + hiddenSize * vocabularySize;
  const cached = 2 * layers * kvHeads * headDim * contextTokens;
  const scores = 4 * layers * heads * headDim * contextTokens;
  return {
    bytes: weights * bytesPerWeight[format] + rows * cached * Float32Array.BYTES_PER_ELEMENT,
    flops: rows * (2 * weights + scores),
  };
}

async function timeStep(path: string, rows: number, threads: number): Promise<number> {
  const options = { device: "cpu", threads, lanes, capacity: 256, maxRowTokens: contextTokens } as const;
  await using runner = await createRunner(openGraph(path, options), options);
  const token = (index: number): number => index % runner.vocabularySize;
  for (let lane = 0; lane < rows; lane++) {
    const tokens = Array.from({ length: contextTokens }, (_, index) => token(index + lane));
    await runner.step([{ lane, tokens, position: 0 }]);
  }
  const batch = Array.from({ length: rows }, (_, lane) => ({
    lane,
    tokens: [token(lane)],
    position: contextTokens,
  }));
  // Small models take microseconds.
  const warmMs = await timeMs(() => runner.step(batch), 3);
  const repeats = Math.max(1, Math.min(500, Math.round(20 / warmMs)));
  const times: number[] = [];
  for (let step = 0; step < steps; step++) times.push(await timeMs(() => runner.step(batch), repeats));
  return median(times);
}
