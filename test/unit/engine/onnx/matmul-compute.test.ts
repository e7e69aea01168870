import { copyFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import onnxProto from "onnx-proto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { matMulCompute, withCompute } from "../../../../src/engine/onnx/graphs/matmul-compute.ts";
import { readGraphFile } from "../../../../src/engine/onnx/graphs/graph-file.ts";
import { createRunner, openGraph } from "../../../../src/engine/onnx/open-graph.ts";
import type { OpenOptions } from "../../../../src/engine/onnx/open-graph.ts";
import { graphOf } from "../../../support/exported-model.ts";

const { onnx } = onnxProto;
type Model = onnxProto.onnx.ModelProto;

const cpu = { device: "cpu", threads: 1 } as const;
const quantized = ["builder-qwen2-int4", "builder-llama-int8"] as const;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "metropolis-compute-"));
});
afterAll(() => rm(folder, { recursive: true }));

const productsOf = (model: Model) => model.graph!.node!.filter(({ opType }) => opType === "MatMulNBits");

const levelsOf = (model: Model): number[] =>
  productsOf(model).map(({ attribute }) =>
    Number(attribute!.find(({ name }) => name === "accuracy_level")?.i ?? 0),
  );

/** A copy of a quantized model, changed, beside its weights. */
async function changed(name: (typeof quantized)[number], change: (model: Model) => void): Promise<string> {
  const original = graphOf(name);
  const model = onnx.ModelProto.decode(await readFile(original));
  change(model);
  const copy = await mkdtemp(join(folder, "changed-"));
  for (const data of readGraphFile(original).dataFiles)
    await copyFile(join(dirname(original), data), join(copy, data));
  const path = join(copy, "model.onnx");
  await writeFile(path, onnx.ModelProto.encode(model).finish());
  return path;
}

const stateLevel = (model: Model, levelOf: (index: number) => number | undefined): void => {
  for (const [index, node] of productsOf(model).entries()) {
    const level = levelOf(index);
    node.attribute = node.attribute!.filter(({ name }) => name !== "accuracy_level");
    // First, so that what stands behind it has to move.
    if (level !== undefined)
      node.attribute.unshift({
        name: "accuracy_level",
        i: level,
        type: onnx.AttributeProto.AttributeType.INT,
      });
  }
};

const rewritten = (path: string, int4Compute: "int8" | "fp32"): Uint8Array | undefined =>
  withCompute(path, readGraphFile(path), { device: "cpu", int4Compute });

/** Logits after each of a few tokens, in one row. */
async function logits(path: string, options: Partial<OpenOptions>): Promise<Float32Array[]> {
  const opened = openGraph(path, { ...cpu, ...options });
  await using runner = await createRunner(opened, { ...cpu, lanes: 1, capacity: 8, maxRowTokens: 4 });
  const pass = await runner.step([{ lane: 0, tokens: [1, 2, 3, 4], position: 0, measuredFrom: 0 }]);
  return [0, 1, 2, 3].map((index) => Float32Array.from(pass.row(0, index)));
}

describe("--int4-compute", () => {
  describe.each(quantized)("of %s", (name) => {
    it.each([
      ["that states another level", "fp32", 1, () => 4],
      ["that states none", "int8", 4, () => undefined],
      ["whose products differ in it", "int8", 4, (index: number) => [4, 1, undefined][index % 3]],
    ] as const)("changes a graph %s, and nothing else", async (_, compute, level, levelOf) => {
      const path = await changed(name, (model) => {
        stateLevel(model, levelOf);
      });
      const before = onnx.ModelProto.decode(await readFile(path));
      const after = onnx.ModelProto.decode(rewritten(path, compute)!);
      expect(new Set(levelsOf(after))).toEqual(new Set([level]));
      for (const model of [before, after]) stateLevel(model, () => undefined);
      expect(onnx.ModelProto.toObject(after)).toEqual(onnx.ModelProto.toObject(before));
    });

    it("leaves a graph that says so already as it is", async () => {
      const path = await changed(name, (model) => {
        stateLevel(model, () => 1);
      });
      expect(rewritten(path, "fp32")).toBeUndefined();
      expect(withCompute(path, readGraphFile(path), { device: "cpu" })).toBeUndefined();
    });

    it.each([false, true])("computes otherwise, with weights mapped: %s", async (mapWeights) => {
      const path = await changed(name, (model) => {
        stateLevel(model, () => 4);
      });
      const stated = await changed(name, (model) => {
        stateLevel(model, () => 1);
      });
      const asked = await logits(path, { int4Compute: "fp32", mapWeights });
      expect(asked).toEqual(await logits(stated, {}));
      expect(asked).not.toEqual(await logits(path, {}));
    });

    it("says what is in effect, by what is stated and what is asked", async () => {
      const path = await changed(name, (model) => {
        stateLevel(model, (index) => (index === 0 ? 4 : undefined));
      });
      const stated = openGraph(path, cpu);
      expect(stated.compute).toBe("int8");
      const asked = openGraph(path, { ...cpu, int4Compute: "fp32" });
      expect(asked.compute).toBe("fp32");
      for (const { session } of [stated, asked]) session[Symbol.dispose]();
    });
  });

  it.each(["builder-llama-fp32", "builder-llama-fp16", "optimum-mistral-fp32"] as const)(
    "is refused for %s, which has no choice",
    (name) => {
      for (const int4Compute of ["int8", "fp32"] as const)
        expect(() => openGraph(graphOf(name), { ...cpu, int4Compute })).toThrow(
          /--int4-compute: .* has no block-quantized weights .*Leave it out/,
        );
    },
  );

  it("is refused for CUDA, which has one kernel", () => {
    const file = readGraphFile(graphOf("builder-qwen2-int4"));
    expect(() => withCompute("model.onnx", file, { device: "cuda", int4Compute: "fp32" })).toThrow(/CUDA/);
  });
});

describe("what products are computed in", () => {
  it.each([
    ["builder-llama-fp32", "fp32", "rounding"],
    ["builder-llama-fp16", "fp16", "rounding"],
    ["builder-llama-int8", "int8", "approximate"],
    ["builder-qwen2-int4", "int8", "approximate"],
    ["optimum-qwen2-fp16", "fp16", "rounding"],
    // Of weights alone: its products state no level.
    ["optimum-qwen2-int8", "fp32", "rounding"],
  ] as const)("of %s is %s: log-probs are %s", async (name, compute, reproducibility) => {
    for (const isFixedShape of [false, true]) {
      const size = { ...cpu, lanes: 1, capacity: 8, maxRowTokens: 2, isFixedShape };
      await using runner = await createRunner(openGraph(graphOf(name), cpu), size);
      const { compute: found, reproducibility: said } = runner;
      expect({ found, said }).toEqual({ found: compute, said: isFixedShape ? "bitwise" : reproducibility });
    }
  });

  it.each(["MatMulInteger", "DynamicQuantizeMatMul"])("is int8 where %s quantizes activations", (name) => {
    const file = { operators: new Map([[name, 3]]), accuracyLevels: new Set<number>() };
    expect(matMulCompute(file, { device: "cpu" }, "fp32")).toBe("int8");
  });

  it("is a graph's own float on CUDA, which widens the weights", () => {
    const file = readGraphFile(graphOf("builder-qwen2-int4"));
    expect(matMulCompute(file, { device: "cuda" }, "fp16")).toBe("fp16");
    expect(matMulCompute(file, { device: "webgpu" }, "fp16")).toBe("int8");
  });
});
