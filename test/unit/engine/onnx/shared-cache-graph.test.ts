import { describe, expect, it } from "vitest";
import { readSharedCacheGraph } from "../../../../src/engine/onnx/shared-cache-graph.ts";
import type { GraphValue } from "../../../../src/engine/onnx/ort/session.ts";

const value = (name: string, shape: number[], type: GraphValue["type"] = "float32"): GraphValue => ({
  name,
  shape,
  type,
});

const fit = {
  inputs: [
    value("input_ids", [-1, -1], "int64"),
    value("attention_mask", [-1, -1], "int64"),
    value("past_key_values.0.key", [-1, 2, -1, 16]),
    value("past_key_values.0.value", [-1, 2, -1, 16]),
  ],
  outputs: [
    value("logits", [-1, -1, 23]),
    value("present.0.key", [-1, 2, -1, 16]),
    value("present.0.value", [-1, 2, -1, 16]),
  ],
};

describe("readSharedCacheGraph", () => {
  it("reads sizes from the graph", () => {
    expect(readSharedCacheGraph(fit)).toMatchObject({
      kvHeads: 2,
      headDim: 16,
      vocabularySize: 23,
      takesPositions: false,
    });
    const withPositions = { ...fit, inputs: [...fit.inputs, value("position_ids", [-1, -1], "int64")] };
    expect(readSharedCacheGraph(withPositions).takesPositions).toBe(true);
  });

  it.each([
    ["no cache", { ...fit, inputs: fit.inputs.slice(0, 2) }, /no past_key_values/],
    ["an unknown input", { ...fit, inputs: [...fit.inputs, value("pixel_values", [1])] }, /'pixel_values'/],
    ["no logits", { ...fit, outputs: fit.outputs.slice(1) }, /no 'logits'/],
    ["a missing present", { ...fit, outputs: fit.outputs.slice(0, 2) }, /no 'present\.0\.value'/],
    [
      "half precision",
      { ...fit, outputs: [value("logits", [-1, -1, 23], "float16"), ...fit.outputs.slice(1)] },
      /float16/,
    ],
    ["open sizes", { ...fit, outputs: [value("logits", [-1, -1, -1]), ...fit.outputs.slice(1)] }, /open/],
  ])("refuses %s, naming it", (_, graph, message) => {
    expect(() => readSharedCacheGraph(graph)).toThrow(message);
  });
});
