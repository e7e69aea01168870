import { InferenceSession, Tensor } from "onnxruntime-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { exportOnnx } from "../../../lab/export-onnx.ts";
import type { DecoderShape } from "../../../lab/export-onnx.ts";
import { initialValues } from "../../../lab/model.ts";
import { Stream } from "../../../lab/stream.ts";
import { referenceLogits } from "./reference-model.ts";

/** The exported graph through onnxruntime-node's own API, as any other program would run it. */

const shape: DecoderShape = {
  vocabularySize: 7,
  hiddenSize: 32,
  layers: 2,
  heads: 2,
  kvHeads: 2,
  headDim: 16,
  intermediateSize: 24,
  maxPositions: 32,
  ropeTheta: 10_000,
  normEpsilon: 1e-5,
};
const values = initialValues(shape, new Stream(3));
const rows = [
  [1, 4, 2, 6, 0, 3, 5, 2, 2, 4],
  [5, 5, 1, 3],
  [0, 6, 6, 2, 1, 3, 4],
];

type Cache = Readonly<Record<string, Tensor>>;

let session: InferenceSession;
beforeAll(async () => {
  session = await InferenceSession.create(
    exportOnnx(shape, (name) => values.get(name)!),
    { intraOpNumThreads: 1 },
  );
});
afterAll(() => session.release());

const emptyCache = (batch: number): Cache =>
  Object.fromEntries(
    cacheNames().map(([past]) => [past, new Tensor("float32", [], [batch, shape.kvHeads, 0, shape.headDim])]),
  );

function cacheNames(): [past: string, present: string][] {
  return Array.from({ length: shape.layers }, (_, layer) => layer).flatMap((layer) =>
    ["key", "value"].map((side): [string, string] => [
      `past_key_values.${layer}.${side}`,
      `present.${layer}.${side}`,
    ]),
  );
}

const integers = (table: readonly (readonly number[])[]): Tensor =>
  new Tensor("int64", BigInt64Array.from(table.flat(), BigInt), [table.length, table[0]!.length]);

/** One pass. `lengths` counts each row's tokens after it; the mask is that many ones, then zeros. */
async function pass(
  ids: readonly (readonly number[])[],
  lengths: readonly number[],
  cache: Cache,
): Promise<{ logitsAt: (row: number, position: number) => number[]; cache: Cache }> {
  const total = cache[cacheNames()[0]![0]]!.dims[2]! + ids[0]!.length;
  const mask = lengths.map((length) => Array.from({ length: total }, (_, index) => (index < length ? 1 : 0)));
  const outputs = await session.run({ input_ids: integers(ids), attention_mask: integers(mask), ...cache });
  const logits = outputs.logits!.data as Float32Array;
  const width = ids[0]!.length;
  return {
    logitsAt: (row, position) => {
      const start = (row * width + position) * shape.vocabularySize;
      return [...logits.subarray(start, start + shape.vocabularySize)];
    },
    cache: Object.fromEntries(cacheNames().map(([past, present]) => [past, outputs[present]!])),
  };
}

function expectClose(logits: readonly number[], expected: readonly number[]): void {
  expect(logits).toHaveLength(expected.length);
  for (const [id, logit] of logits.entries()) expect(Math.abs(logit - expected[id]!)).toBeLessThan(1e-5);
}

describe("the exported graph", () => {
  it("gives the trainer's logits in one pass and step by step", async () => {
    const tokens = rows[0]!;
    const expected = referenceLogits(shape, values, tokens);
    const whole = await pass([tokens], [tokens.length], emptyCache(1));
    for (const position of tokens.keys()) expectClose(whole.logitsAt(0, position), expected[position]!);

    let cache = emptyCache(1);
    for (const [position, token] of tokens.entries()) {
      const step = await pass([[token]], [position + 1], cache);
      expectClose(step.logitsAt(0, 0), expected[position]!);
      cache = step.cache;
    }
  });

  it("prefills and decodes a ragged batch whose padding stands on the right", async () => {
    const width = Math.max(...rows.map((row) => row.length));
    const padded = rows.map((row) => [...row, ...Array<number>(width - row.length).fill(6)]);
    const prefill = await pass(
      padded,
      rows.map((row) => row.length),
      emptyCache(rows.length),
    );
    for (const [index, row] of rows.entries()) {
      const expected = referenceLogits(shape, values, row);
      for (const position of row.keys()) expectClose(prefill.logitsAt(index, position), expected[position]!);
    }

    let { cache } = prefill;
    const longer = rows.map((row) => [...row]);
    for (const next of [
      [3, 0, 5],
      [1, 1, 6],
    ]) {
      for (const [index, token] of next.entries()) longer[index]!.push(token);
      const decode = await pass(
        next.map((token) => [token]),
        longer.map((row) => row.length),
        cache,
      );
      for (const [index, row] of longer.entries())
        expectClose(decode.logitsAt(index, 0), referenceLogits(shape, values, row).at(-1)!);
      cache = decode.cache;
    }
  });
});
