import { grad, init, numpy as np } from "@jax-js/jax";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { exportOnnx } from "../../../lab/export-onnx.ts";
import type { DecoderShape } from "../../../lab/export-onnx.ts";
import { crossEntropy } from "../../../lab/loss.ts";
import { forward, initialValues, toWeights } from "../../../lab/model.ts";
import type { Weights } from "../../../lab/model.ts";
import { Stream } from "../../../lab/stream.ts";
import { train, usualTraining } from "../../../lab/train.ts";
import { embeddedModels } from "../../../lab/embedded-model.ts";
import { createRunner, openGraph } from "../../../src/engine/onnx/open-graph.ts";
import { referenceLogits, referenceLoss } from "./reference-model.ts";

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
const length = 6;
const rows = [
  { ids: [1, 4, 2, 6, 0, 3], targets: [4, 2, 6, 0, 3, 5], mask: [0, 1, 1, 1, 0, 1] },
  { ids: [5, 5, 1, 3, 2, 6], targets: [5, 1, 3, 2, 6, 6], mask: [1, 1, 0, 1, 1, 0] },
];
const integers = (values: number[]) => np.array(Int32Array.from(values)).reshape([rows.length, length]);
const batch = () => ({
  ids: integers(rows.flatMap(({ ids }) => ids)),
  targets: integers(rows.flatMap(({ targets }) => targets)),
  mask: np.array(Float32Array.from(rows.flatMap(({ mask }) => mask))).reshape([rows.length, length]),
});

describe("the trainer", () => {
  const values = initialValues(shape, new Stream(3));
  beforeAll(() => init("wasm"));

  it("computes the loss that plain loops in double precision compute", async () => {
    const loss = Number(await crossEntropy(shape, toWeights(shape, values), batch()).jsAsync());
    expect(loss).toBeCloseTo(referenceLoss(shape, values, rows), 5);
  });

  it("computes the gradients that finite differences of those loops give", async () => {
    const gradients = grad((weights: Weights) => crossEntropy(shape, weights, batch()))(
      toWeights(shape, values),
    );
    const pick = new Stream(8);
    for (const [name, original] of values) {
      const gradient = (await gradients[name]!.data()) as Float32Array;
      for (let trial = 0; trial < 3; trial++) {
        const index = pick.integer(0, original.length - 1);
        const step = 1e-4;
        const at = (shift: number): number => {
          const moved = Float64Array.from(original);
          moved[index]! += shift;
          return referenceLoss(shape, new Map<string, ArrayLike<number>>([...values, [name, moved]]), rows);
        };
        expect(gradient[index]!).toBeCloseTo((at(step) - at(-step)) / (2 * step), 4);
      }
    }
  });

  it("exports what it trained: the graph's logits are the trainer's", async () => {
    const logits = (await forward(shape, toWeights(shape, values), batch().ids).data()) as Float32Array;
    const reference = referenceLogits(shape, values, rows[0]!.ids).flat();
    for (const [index, logit] of reference.entries()) expect(logits[index]!).toBeCloseTo(logit, 4);

    const folder = await mkdtemp(join(tmpdir(), "metropolis-export-"));
    const path = join(folder, "model.onnx");
    await writeFile(
      path,
      exportOnnx(shape, (name) => values.get(name)!),
    );
    const cpu = { device: "cpu", threads: 1 } as const;
    await using runner = await createRunner(openGraph(path, cpu), {
      ...cpu,
      lanes: 2,
      capacity: 32,
      maxRowTokens: 16,
    });
    for (const [lane, { ids }] of rows.entries()) {
      const view = await runner.step([{ lane, tokens: ids, position: 0 }]);
      for (let position = 0; position < length; position++) {
        const start = (lane * length + position) * shape.vocabularySize;
        for (const [id, logit] of view.row(0, position).entries())
          expect(logit).toBeCloseTo(logits[start + id]!, 4);
      }
    }
    await rm(folder, { recursive: true });
  });

  it("learns, and repeats itself from a seed", async () => {
    const { task, shape: abacusShape } = embeddedModels.abacus;
    const small = { ...abacusShape, hiddenSize: 32, layers: 1, heads: 2, kvHeads: 2, intermediateSize: 32 };
    const run = async (seed: number): Promise<number[]> => {
      const losses: number[] = [];
      const settings = {
        ...usualTraining,
        seed,
        steps: 12,
        batchSize: 16,
        warmupSteps: 4,
        peakLearningRate: 1e-2,
      };
      await train({ task, shape: small }, settings, {
        excluded: new Set(),
        onStep: (_, loss) => losses.push(loss),
      });
      return losses;
    };
    const first = await run(1);
    expect(first.at(-1)!).toBeLessThan(first[0]! - 0.3);
    const again = await run(1);
    for (const [step, loss] of first.entries()) expect(again[step]!).toBeCloseTo(loss, 4);
    expect((await run(2))[0]).not.toBeCloseTo(first[0]!, 4);
  });
});
