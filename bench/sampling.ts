import { drawToken } from "../src/sampling/draw.ts";
import { measure } from "../src/sampling/measure.ts";
import { uniform } from "../src/core/random.ts";
import { createRunner, openGraph } from "../src/engine/onnx/open-graph.ts";
import { HostLogitsMemory } from "../src/engine/onnx/logits/logits-memory.ts";
import { RowMeasurer } from "../src/engine/onnx/logits/row-measurer.ts";
import { mediumShape, writeRandomModel } from "./random-model.ts";
import { median, printTable, timeMs } from "./report.ts";

const inverseTemperature = 4;
const rounds = 7;
const largeVocabulary = 152_064;

/**
 * What it takes to measure rows of logits and draw a token from each: by the loop in JavaScript and by the graph, and
 * as a share of a decode step.
 */
export async function benchSampling(threads: number): Promise<void> {
  const table: string[][] = [];
  const graphMs = new Map<number, number>();
  for (const vocabularySize of [18, 1024, 2048, 4096, 32_000, largeVocabulary]) {
    for (const rows of [1, 4, 16]) {
      const { loop, graph } = await compare({ vocabularySize, rows, threads });
      if (vocabularySize === largeVocabulary) graphMs.set(rows, graph);
      table.push([
        vocabularySize.toLocaleString("en"),
        String(rows),
        loop.toFixed(3),
        graph.toFixed(3),
        `${(loop / graph).toFixed(1)}x`,
      ]);
    }
  }
  console.log(`\nsampling: measure and draw, 1/τ = 4, ${threads} thread(s), medians of ${rounds} rounds\n`);
  printTable(["vocabulary", "rows", "JavaScript, ms", "graph, ms", "ratio"], table);
  await printShare(threads, graphMs);
}

interface Load {
  readonly vocabularySize: number;
  readonly rows: number;
  readonly threads: number;
}

/** Milliseconds of each way, taken in turns. */
async function compare({ vocabularySize, rows, threads }: Load): Promise<{ loop: number; graph: number }> {
  using memory = new HostLogitsMemory({ logitsType: "float32", tokens: rows, vocabularySize });
  using tensor = memory.tensor(0, [rows, vocabularySize]);
  const values = tensor.asFloat32();
  // Zipf's law, scattered over the ids.
  for (let index = 0; index < values.length; index++) {
    values[index] = -1.2 * Math.log(1 + ((index * 7919) % vocabularySize));
  }
  const row = (index: number): Float32Array => memory.read(index);
  using measurer = new RowMeasurer(memory, { threads });
  const request = (index: number) => ({
    sampling: { inverseTemperature },
    u: uniform({ seed: 1, choice: 0, stage: 0, step: 0 }, "token", index),
    topCount: 0,
    sequence: [],
  });
  const loopOnce = (): Promise<void> => {
    for (let index = 0; index < rows; index++) {
      drawToken(measure(row(index), inverseTemperature), request(index));
    }
    return Promise.resolve();
  };
  const atOnce = Array<number>(rows).fill(inverseTemperature);
  const graphOnce = async (): Promise<void> => {
    await measurer.measure(0, atOnce);
    for (let index = 0; index < rows; index++) {
      drawToken(
        measurer.distribution(index, inverseTemperature, () => row(index))!,
        request(index),
      );
    }
  };
  const repeats = Math.max(1, Math.min(200, Math.round(400_000 / (vocabularySize * rows))));
  const loop: number[] = [];
  const graph: number[] = [];
  for (let round = 0; round <= rounds; round++) {
    const loopMs = await timeMs(loopOnce, repeats);
    const graphMs = await timeMs(graphOnce, repeats);
    // The first round compiles.
    if (round === 0) continue;
    loop.push(loopMs);
    graph.push(graphMs);
  }
  return { loop: median(loop), graph: median(graph) };
}

/** A step of a model as small as any that has so large a vocabulary: the share can only be lower elsewhere. */
async function printShare(threads: number, graphMs: ReadonlyMap<number, number>): Promise<void> {
  await using model = await writeRandomModel({ ...mediumShape, vocabularySize: largeVocabulary });
  const options = { device: "cpu", threads, lanes: 16, capacity: 256, maxRowTokens: 16 } as const;
  await using runner = await createRunner(openGraph(model.path, options), options);
  const table: string[][] = [];
  for (const [rows, samplingMs] of graphMs) {
    let position = 0;
    const step = async (): Promise<void> => {
      await runner.step(Array.from({ length: rows }, (_, lane) => ({ lane, tokens: [1], position })));
      position++;
    };
    await step();
    const times: number[] = [];
    for (let round = 0; round < rounds; round++) times.push(await timeMs(step, 3));
    const stepMs = median(times);
    const share = (100 * samplingMs) / (stepMs + samplingMs);
    table.push([String(rows), stepMs.toFixed(1), samplingMs.toFixed(2), `${share.toFixed(1)} %`]);
  }
  console.log(
    `\nits share of a decode step, 30 layers, d = 576, vocabulary ${largeVocabulary.toLocaleString("en")}, random fp32 weights\n`,
  );
  printTable(["rows", "forward pass, ms", "sampling, ms", "share of the step"], table);
}
