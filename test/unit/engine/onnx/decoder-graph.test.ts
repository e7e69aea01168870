import { describe, expect, it } from "vitest";
import { readDecoderGraph } from "../../../../src/engine/onnx/graphs/decoder-graph.ts";
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

describe("readDecoderGraph", () => {
  it("reads sizes from the graph", () => {
    expect(readDecoderGraph(fit)).toMatchObject({
      kvHeads: 2,
      headDim: 16,
      vocabularySize: 23,
      takesPositions: false,
    });
    const withPositions = { ...fit, inputs: [...fit.inputs, value("position_ids", [-1, -1], "int64")] };
    expect(readDecoderGraph(withPositions).takesPositions).toBe(true);
  });

  it("takes half precision", () => {
    const half = (values: GraphValue[]): GraphValue[] =>
      values.map((entry) => (entry.type === "float32" ? { ...entry, type: "float16" } : entry));
    expect(readDecoderGraph({ inputs: half(fit.inputs), outputs: half(fit.outputs) })).toMatchObject({
      cacheType: "float16",
      logitsType: "float16",
    });
  });

  it.each([
    ["no cache", { ...fit, inputs: fit.inputs.slice(0, 2) }, /no past_key_values/],
    ["an unknown input", { ...fit, inputs: [...fit.inputs, value("pixel_values", [1])] }, /'pixel_values'/],
    ["no logits", { ...fit, outputs: fit.outputs.slice(1) }, /no 'logits'/],
    ["a missing present", { ...fit, outputs: fit.outputs.slice(0, 2) }, /no 'present\.0\.value'/],
    [
      "a cache of integers",
      {
        ...fit,
        inputs: fit.inputs.map((input) =>
          input.name.startsWith("past") ? value(input.name, [-1, 2, -1, 16], "int32") : input,
        ),
      },
      /'past_key_values\.0\.key' is int32/,
    ],
    [
      "layers of different sizes",
      { ...fit, inputs: [...fit.inputs.slice(0, 3), value("past_key_values.0.value", [-1, 4, -1, 16])] },
      /differ: 'past_key_values\.0\.value'/,
    ],
    [
      "logits of the last token alone",
      { ...fit, outputs: [value("logits", [-1, 1, 23]), ...fit.outputs.slice(1)] },
      /prune_lm_head/,
    ],
    ["open sizes", { ...fit, outputs: [value("logits", [-1, -1, -1]), ...fit.outputs.slice(1)] }, /open/],
  ])("refuses %s, naming it", (_, graph, message) => {
    expect(() => readDecoderGraph(graph)).toThrow(message);
  });
});
