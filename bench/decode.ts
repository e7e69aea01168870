import { InferenceSession, Tensor } from "onnxruntime-node";
import { LocalEngine } from "../src/engine/local/local-engine.ts";
import { createRunner, openGraph } from "../src/engine/onnx/open-graph.ts";
import { smallShape, writeRandomModel } from "./random-model.ts";
import { median, printTable, time } from "./report.ts";

const capacity = 2048;
const promptLength = 16;
const rounds = 5;

/** Decode speed of the engine against a plain loop over `session.run`, side by side on the same model. */
export async function benchDecode(threads: number): Promise<void> {
  await using model = await writeRandomModel(smallShape);
  const { path } = model;
  const rows: string[][] = [];
  for (const batch of [1, 4, 16]) {
    const tokens = batch === 1 ? 96 : batch === 4 ? 32 : 12;
    const ours: number[] = [];
    const plain: number[] = [];
    for (let round = 0; round < rounds; round++) {
      ours.push(await engineRate(path, { batch, tokens, threads }));
      plain.push(await plainRate(path, { batch, tokens, threads }));
    }
    const ratio = median(ours.map((rate, round) => rate / plain[round]!));
    rows.push([String(batch), median(ours).toFixed(0), median(plain).toFixed(0), `${ratio.toFixed(1)}x`]);
  }
  console.log(
    `\n(a) decode, 6 layers, d = 256, capacity ${capacity}, ${threads} thread(s), medians of ${rounds} rounds\n`,
  );
  printTable(["rows", "engine, tokens/s", "session.run loop, tokens/s", "ratio"], rows);
}

interface Load {
  readonly batch: number;
  readonly tokens: number;
  readonly threads: number;
}

const prompt = (row: number): number[] =>
  Array.from({ length: promptLength }, (_, index) => (row * 31 + index * 7) % 1000);

async function engineRate(path: string, { batch, tokens, threads }: Load): Promise<number> {
  const options = { device: "cpu" as const, threads };
  const runner = await createRunner(openGraph(path, options), {
    ...options,
    lanes: batch,
    capacity,
    maxRowTokens: 64,
  });
  await using engine = new LocalEngine(runner, { prefillChunk: 64, prefixStoreBytes: 0 });
  const extensions = Array.from({ length: batch }, (_, row) => {
    const extension = engine.extend(
      {
        prefix: prompt(row),
        maxTokens: tokens + 2,
        endTokens: new Set(),
        sampling: { inverseTemperature: 1 },
        draws: { seed: row, choice: 0, stage: 0, step: 0 },
        topCount: 0,
      },
      new AbortController().signal,
    );
    return extension[Symbol.asyncIterator]();
  });
  const pullAll = () => Promise.all(extensions.map((extension) => extension.next()));
  // Prefill and the first decode step bind their tensors; they are not what is measured.
  await pullAll();
  await pullAll();
  const seconds = await time(async () => {
    for (let step = 0; step < tokens; step++) await pullAll();
  });
  return (batch * tokens) / seconds;
}

/** The usual way: cache tensors as feeds and fetches, the likeliest token of each row next. */
async function plainRate(path: string, { batch, tokens, threads }: Load): Promise<number> {
  const session = await InferenceSession.create(path, { intraOpNumThreads: threads });
  const { layers, kvHeads, headDim, vocabularySize } = smallShape;
  const shape = [batch, kvHeads, capacity, headDim];
  const size = shape.reduce((product, length) => product * length, 1);
  const names = Array.from({ length: layers }, (_, layer) => [`${layer}.key`, `${layer}.value`]).flat();
  const cache = new Map(names.map((name) => [name, new Tensor("float32", new Float32Array(size), shape)]));
  let ids = Array.from({ length: batch }, (_, row) => prompt(row));
  let length = 0;

  const step = async (): Promise<void> => {
    const width = ids[0]!.length;
    length += width;
    const feeds: Record<string, Tensor> = {
      input_ids: new Tensor("int64", BigInt64Array.from(ids.flat(), BigInt), [batch, width]),
      attention_mask: new Tensor("int64", new BigInt64Array(batch * length).fill(1n), [batch, length]),
    };
    for (const [name, tensor] of cache) feeds[`past_key_values.${name}`] = tensor;
    const results = await session.run(feeds);
    for (const name of names)
      cache.set(name, results[`present.${name}`] as typeof cache extends Map<string, infer T> ? T : never);
    const logits = results.logits!.data as Float32Array;
    ids = ids.map((_, row) => {
      const start = ((row + 1) * width - 1) * vocabularySize;
      let best = 0;
      for (let id = 1; id < vocabularySize; id++) if (logits[start + id]! > logits[start + best]!) best = id;
      return [best];
    });
  };

  await step();
  await step();
  const seconds = await time(async () => {
    for (let count = 0; count < tokens; count++) await step();
  });
  await session.release();
  return (batch * tokens) / seconds;
}
