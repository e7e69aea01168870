import { copyFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { InferenceError } from "../../../../src/core/errors.ts";
import { createRunner, openGraph } from "../../../../src/engine/onnx/open-graph.ts";
import { concatGraph } from "../../../support/concat-graph.ts";
import { exportedModels, graphOf } from "../../../support/exported-model.ts";
import { randomModel, tinyShape } from "../../../support/random-model.ts";

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
