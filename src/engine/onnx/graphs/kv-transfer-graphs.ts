import { GraphWriter } from "./graph-writer.ts";
import type { DecoderGraph } from "./decoder-graph.ts";
import { elementTypes } from "../ort/element-type.ts";

export type CacheShape = Pick<DecoderGraph, "planes" | "kvHeads" | "headDim" | "cacheType">;

/** slice = Concat_i plane_i[row:row+1, :, from:to, :] */
export function readingGraph({ planes, kvHeads, headDim, cacheType }: CacheShape): Uint8Array {
  const graph = new GraphWriter("read");
  const parts = planes.map((_, index) => `part.${index}`);
  graph.input("starts", "int64", [2]);
  graph.input("ends", "int64", [2]);
  graph.integers("axes", [0, 2]);
  for (const [index, part] of parts.entries()) {
    graph.input(`plane.${index}`, cacheType, ["rows", kvHeads, "capacity", headDim]);
    graph.node("Slice", [`plane.${index}`, "starts", "ends", "axes"], [part]);
  }
  graph.node("Concat", parts, ["slice"], { axis: 0 });
  graph.output("slice", cacheType, [planes.length, kvHeads, "tokens", headDim]);
  return graph.encode();
}

/** plane_i[places] = slice[i], places[head, token] = (row, head, position) */
export function writingGraph({ planes, kvHeads, headDim, cacheType }: CacheShape): Uint8Array {
  const graph = new GraphWriter("write");
  const shape = ["rows", kvHeads, "capacity", headDim];
  graph.input("slice", cacheType, [planes.length, kvHeads, "tokens", headDim]);
  graph.input("places", "int64", [kvHeads, "tokens", 3]);
  for (const index of planes.keys()) {
    graph.input(`plane.${index}`, cacheType, shape);
    graph.integers(`index.${index}`, [index], []);
    graph.node("Gather", ["slice", `index.${index}`], [`part.${index}`], { axis: 0 });
    graph.node("ScatterND", [`plane.${index}`, "places", `part.${index}`], [`written.${index}`]);
    graph.output(`written.${index}`, cacheType, shape);
  }
  return graph.encode();
}

/** plane = zeros(shape) */
export function clearingGraph({ kvHeads, headDim, cacheType }: CacheShape): Uint8Array {
  const graph = new GraphWriter("clear");
  graph.input("shape", "int64", [4]);
  graph.constant("zero", Float32Array.of(0), [1]);
  graph.node("Cast", ["zero"], ["typed_zero"], { to: elementTypes[cacheType].code });
  graph.node("Expand", ["typed_zero", "shape"], ["plane"]);
  graph.output("plane", cacheType, ["rows", kvHeads, "capacity", headDim]);
  return graph.encode();
}
