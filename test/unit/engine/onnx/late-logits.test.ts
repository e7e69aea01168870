import { readFileSync } from "node:fs";
import { dirname } from "node:path";
import { describe, expect, it } from "vitest";
import { readDecoderGraph } from "../../../../src/engine/onnx/graphs/decoder-graph.ts";
import { readGraphFile } from "../../../../src/engine/onnx/graphs/graph-file.ts";
import { GraphWriter } from "../../../../src/engine/onnx/graphs/graph-writer.ts";
import { withLateLogits } from "../../../../src/engine/onnx/graphs/late-logits.ts";
import { Session } from "../../../../src/engine/onnx/ort/session.ts";
import { SharedCacheRunner } from "../../../../src/engine/onnx/shared-cache-runner.ts";
import { graphOf, referenceOf, toleranceOf } from "../../../support/exported-model.ts";

const cpu = { device: "cpu", threads: 1 } as const;
const built = [
  "builder-llama-fp32",
  "builder-llama-fp16",
  "builder-llama-int8",
  "builder-qwen2-int4",
  "builder-mistral-fp32",
] as const;

describe("withLateLogits", () => {
  it.each(built)("gives the logits of %s that are asked for, and has no others", async (name) => {
    const path = graphOf(name);
    const whole = readGraphFile(path);
    const { type, shape } = whole.outputs.find((output) => output.name === "logits")!;
    const logits = { logitsType: type as "float32" | "float16", vocabularySize: shape.at(-1)! };
    const session = new Session(withLateLogits(readFileSync(path), logits)!, {
      ...cpu,
      folder: dirname(path),
    });
    const graph = readDecoderGraph(session, whole.headDim);
    expect(graph.takesLogitTokens).toBe(true);
    const size = { ...cpu, lanes: 2, capacity: 64, maxRowTokens: 32, compute: "fp32" } as const;
    await using runner = new SharedCacheRunner(session, graph, size);
    const { ids, logitsAfter } = referenceOf(name);
    for (const measuredFrom of [0, 3, ids.length - 1]) {
      const view = await runner.step([{ lane: 0, tokens: ids, position: 0, measuredFrom }]);
      for (let index = measuredFrom; index < ids.length; index++) {
        const difference = Math.max(
          ...logitsAfter(index).map((value, id) => Math.abs(value - view.row(0, index)[id]!)),
        );
        expect(difference).toBeLessThan(toleranceOf(name));
      }
      if (measuredFrom > 0) expect(() => view.row(0, measuredFrom - 1)).toThrow(/no logits/);
    }
  });

  const shape = { logitsType: "float32", vocabularySize: 8 } as const;
  const graphWith = (write: (graph: GraphWriter) => void): Uint8Array => {
    const graph = new GraphWriter("decoder");
    graph.input("ids", "float32", ["batch", "tokens", 4]);
    graph.constant("weights", new Float32Array(32), [4, 8]);
    graph.constant("bias", new Float32Array(8), [8]);
    graph.node("Tanh", ["ids"], ["hidden"]);
    write(graph);
    graph.output("logits", "float32", ["batch", "tokens", 8]);
    return graph.encode();
  };

  it("goes back through what changes logits value by value", () => {
    const capped = graphWith((graph) => {
      graph.node("MatMul", ["hidden", "weights"], ["product"]);
      graph.node("Add", ["bias", "product"], ["biased"]);
      graph.node("Tanh", ["biased"], ["logits"]);
    });
    const session = new Session(withLateLogits(capped, shape)!, cpu);
    expect(session.inputs.map(({ name }) => name)).toEqual(["ids", "metropolis_logit_tokens"]);
    session[Symbol.dispose]();
  });

  it.each([
    [
      "mixes tokens after the product",
      graphWith((graph) => {
        graph.node("MatMul", ["hidden", "weights"], ["product"]);
        graph.node("Softmax", ["product"], ["logits"], { axis: 1 });
      }),
    ],
    [
      "adds two products",
      graphWith((graph) => {
        graph.node("MatMul", ["hidden", "weights"], ["one"]);
        graph.node("MatMul", ["hidden", "weights"], ["other"]);
        graph.node("Add", ["one", "other"], ["logits"]);
      }),
    ],
    [
      "has no product",
      graphWith((graph) => {
        graph.node("Tanh", ["hidden"], ["logits"]);
      }),
    ],
    [
      "gives its logits to another node",
      graphWith((graph) => {
        graph.node("MatMul", ["hidden", "weights"], ["logits"]);
        graph.node("Tanh", ["logits"], ["other"]);
      }),
    ],
    [
      "gives away what its logits are made of",
      graphWith((graph) => {
        graph.node("MatMul", ["hidden", "weights"], ["product"]);
        graph.node("Tanh", ["product"], ["logits"]);
        graph.output("product", "float32", ["batch", "tokens", 8]);
      }),
    ],
    [
      "makes more of what its logits are made of",
      graphWith((graph) => {
        graph.node("MatMul", ["hidden", "weights"], ["product"]);
        graph.node("Add", ["bias", "product"], ["logits"]);
        graph.node("Mul", ["product", "product"], ["other"]);
      }),
    ],
    [
      "multiplies its input",
      graphWith((graph) => {
        graph.node("MatMul", ["ids", "weights"], ["logits"]);
      }),
    ],
  ])("leaves a graph as it is that %s", (_, bytes) => {
    expect(withLateLogits(bytes, shape)).toBeUndefined();
  });
});
