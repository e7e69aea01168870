import { copyFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import onnxProto from "onnx-proto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { InferenceError } from "../../../../src/core/errors.ts";
import { readGraphFile } from "../../../../src/engine/onnx/graphs/graph-file.ts";
import { createRunner, openGraph } from "../../../../src/engine/onnx/open-graph.ts";
import { concatGraph } from "../../../support/concat-graph.ts";
import { exportedModels, graphOf } from "../../../support/exported-model.ts";
import { randomModel, tinyShape } from "../../../support/random-model.ts";

const { onnx } = onnxProto;
const cpu = { device: "cpu", threads: 1 } as const;
const size = { ...cpu, lanes: 1, capacity: 8, maxRowTokens: 2 };

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "metropolis-graph-"));
});
afterAll(() => rm(folder, { recursive: true }));

async function write(name: string, contents: string | Uint8Array): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, contents);
  return path;
}

describe("openGraph", () => {
  it.each(exportedModels)("finds the form of %s in its operators", (name) => {
    using opened = openGraph(graphOf(name), cpu).session;
    expect(opened.inputs.length).toBeGreaterThan(4);
    expect(openGraph(graphOf(name), cpu).form).toBe(name.startsWith("builder") ? "shared" : "concat");
  });

  it("takes a graph that appends by Concat for what it is", async () => {
    const opened = openGraph(await write("concat.onnx", concatGraph()), cpu);
    expect(opened.form).toBe("concat");
    await using runner = await createRunner(opened, size);
    expect(runner.memory.bytesPerToken).toBe(2 * 2 * 4 * 4);
  });

  it.each(exportedModels.filter((name) => name.startsWith("builder")))(
    "finds the size of %s's heads where the cache leaves it open, as newer builders write it",
    async (name) => {
      const original = graphOf(name);
      const model = onnx.ModelProto.decode(await readFile(original));
      for (const { name: at, type } of [...model.graph!.input!, ...model.graph!.output!]) {
        const size = type?.tensorType?.shape?.dim?.[3];
        if (/^(past|present)/.test(at!)) Object.assign(size!, { dimValue: null, dimParam: "kv_cache_dim" });
      }
      const copy = await mkdtemp(join(folder, "open-"));
      const { dataFiles } = readGraphFile(original);
      for (const data of dataFiles) await copyFile(join(dirname(original), data), join(copy, data));
      const path = join(copy, "model.onnx");
      await writeFile(path, onnx.ModelProto.encode(model).finish());
      const opened = openGraph(path, cpu);
      expect(opened.session.inputs.find(({ name: input }) => input.startsWith("past"))!.shape[3]).toBe(-1);
      const known = openGraph(original, cpu);
      expect(opened.graph).toEqual(known.graph);
      known.session[Symbol.dispose]();
      await using runner = await createRunner(opened, size);
      expect(runner.memory.bytesPerToken).toBe(known.bytesPerToken);
    },
  );

  it("says what is wrong with a file", async () => {
    expect(() => openGraph(join(folder, "absent.onnx"), cpu)).toThrow(/absent\.onnx does not exist/);
    const cut = await write("cut.onnx", randomModel(tinyShape).slice(0, 500));
    expect(() => openGraph(cut, cpu)).toThrow(/cut\.onnx is no ONNX file, or cut short/);
    const noise = await write("noise.onnx", "this is not a graph");
    expect(() => openGraph(noise, cpu)).toThrow(InferenceError);
    const alone = join(folder, "alone.onnx");
    await copyFile(graphOf("builder-llama-fp32"), alone);
    expect(() => openGraph(alone, cpu)).toThrow(/model\.onnx\.data/);
  });

  it("refuses a decoder that takes its first token but not its second", async () => {
    const graph = Buffer.from(concatGraph());
    // The cache grows along the heads instead of the tokens.
    const axis = graph.indexOf("axis");
    const at = graph.indexOf(Buffer.from([0x18, 2]), axis);
    graph[at + 1] = 1;
    const opened = openGraph(await write("heads.onnx", graph), cpu);
    await expect(createRunner(opened, size)).rejects.toMatchObject({
      code: "unsupported",
      message: expect.stringMatching(/heads\.onnx does not run as a decoder with a concat cache/) as unknown,
    });
  });
});
