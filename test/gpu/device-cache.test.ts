import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { toHalfPrecision } from "../../bench/half-precision.ts";
import { wholeOf } from "../../src/kvcache/kv-memory.ts";
import { BoundPass } from "../../src/engine/onnx/bound-pass.ts";
import { DeviceLiveCache } from "../../src/engine/onnx/cache/device-live-cache.ts";
import { Logits, openLogitsMemory } from "../../src/engine/onnx/logits/logits.ts";
import { createRunner, openGraph } from "../../src/engine/onnx/open-graph.ts";
import type { OpenedGraph } from "../../src/engine/onnx/open-graph.ts";
import { memoryNameOf, memoryNames } from "../../src/engine/onnx/ort/device-memory.ts";
import { byteLength, HostTensor } from "../../src/engine/onnx/ort/tensor.ts";
import { graphOf, referenceOf } from "../support/exported-model.ts";
import { randomModel, tinyShape } from "../support/random-model.ts";
import { gpu } from "../support/gpu.ts";

const options = { device: gpu ?? "cpu", threads: 1 } as const;
// CUDA has the attention of float16 graphs alone.
const model = gpu === "cuda" ? "builder-llama-fp16" : "builder-llama-fp32";
const path = graphOf(model);
const { ids } = referenceOf(model);

describe.skipIf(gpu === undefined)("the live cache on a device", () => {
  let opened: OpenedGraph;
  beforeAll(() => {
    opened = openGraph(path, options);
  });
  afterAll(() => {
    opened.session[Symbol.dispose]();
  });

  const lanes = 5;
  const capacity = 64;
  const openCache = () => new DeviceLiveCache(opened.session, opened.graph, { lanes, capacity });

  it("stays there: a pass brings ids and mask, takes logits, and finds the rest on the device", async () => {
    const { session, graph } = opened;
    const { logitsType, vocabularySize } = graph;
    using cache = openCache();
    using logits = new Logits(openLogitsMemory(session, { logitsType, vocabularySize, tokens: lanes }), {
      threads: 1,
    });
    const shape = { firstRow: 0, rows: 3, rowTokens: 1, maskWidth: 64, rowLogits: 1 };
    using pass = new BoundPass({ session, graph, cache, logits }, shape);

    const host = [...pass.binding.bound].filter(([, tensor]) => tensor instanceof HostTensor);
    expect(host.map(([name]) => name).sort()).toEqual(["attention_mask", "input_ids", "logits"]);
    const hostBytes = host.reduce((sum, [, tensor]) => sum + byteLength(tensor.type, tensor.shape), 0);
    expect(hostBytes).toBe(3 * (8 + 64 * 8) + byteLength(logitsType, [3, vocabularySize]));
    for (const { past, present } of graph.planes) {
      // One tensor for both, in memory that ONNX Runtime itself takes for the device's.
      const tensor = pass.binding.bound.get(past)!;
      expect(pass.binding.bound.get(present)).toBe(tensor);
      expect(memoryNameOf(tensor)).toBe(memoryNames[gpu!]);
    }

    // What the pass wrote is where the cache reads it from, at the positions it was told.
    const { memory } = cache;
    const zeros = { length: 21, bytes: new Uint8Array(21 * memory.bytesPerToken) };
    for (const lane of [0, 1, 2]) memory.write(lane, 0, wholeOf(zeros));
    pass.fill([0, 1, 2].map((lane) => ({ lane, tokens: [ids[lane]!], position: 10 * lane })));
    pass.bindInputs();
    await session.run(pass.binding);
    for (const lane of [0, 1, 2]) {
      const isWritten = (position: number): boolean =>
        memory.read(lane, position, position + 1).bytes.some((byte) => byte !== 0);
      expect([0, 1, 2].map((other) => isWritten(10 * other))).toEqual(
        [0, 1, 2].map((other) => other === lane),
      );
    }
  });

  it("keeps every lane's K/V through any order of batches, copies and writes", () => {
    using cache = openCache();
    const { memory } = cache;
    const pattern = (seed: number, length: number): Uint8Array =>
      Uint8Array.from({ length: length * memory.bytesPerToken }, (_, index) => (seed * 31 + index * 7) % 64);
    const expected = Array.from({ length: lanes }, (_, lane) => {
      const slice = { length: 3 + lane, bytes: pattern(lane, 3 + lane) };
      memory.write(lane, 0, wholeOf(slice));
      return slice;
    });
    const expectAll = (): void => {
      for (const [lane, { length, bytes }] of expected.entries()) {
        expect(Buffer.compare(memory.read(lane, 0, length).bytes, bytes)).toBe(0);
      }
    };
    expectAll();
    for (const [first, count] of [
      [3, 1],
      [1, 3],
      [4, 1],
      [0, 5],
      [2, 2],
    ] as const) {
      const placed = Array.from({ length: count }, (_, row) => first + row);
      expect(cache.place(placed)).toEqual({ first: 0, count });
      const rows = placed.map((lane) => memory.rowOf(lane));
      expect(rows.sort()).toEqual(Array.from({ length: count }, (_, row) => row));
      expectAll();
    }
    memory.copyLane(4, 0, 5);
    expected[0] = memory.read(4, 0, 5);
    expectAll();
  });

  it("says what would fit where the device has too little memory, which WebGPU itself keeps quiet about", async () => {
    // SwiftShader has 1 GiB for a buffer; no card has the 256 GiB of the other.
    const folder = mkdtempSync(join(tmpdir(), "metropolis-device-"));
    const oneLayer = join(folder, "model.onnx");
    const written = randomModel({ ...tinyShape, layers: 1 });
    writeFileSync(oneLayer, gpu === "cuda" ? toHalfPrecision(written) : written);
    const size = { lanes: gpu === "webgpu" ? 64 : 16384, capacity: 1 << 17, maxRowTokens: 1 };
    const creating = createRunner(openGraph(oneLayer, options), { ...options, ...size });
    await expect(creating).rejects.toThrow(/'\w+' has too little memory.*--lanes \d+ --context 131072 fits/s);
    rmSync(folder, { recursive: true });
  });
});
