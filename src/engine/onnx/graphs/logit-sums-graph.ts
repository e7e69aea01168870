import { leastLogit } from "../../../sampling/self-certainty.ts";
import { elementTypes } from "../ort/element-type.ts";
import type { FloatType } from "./decoder-graph.ts";
import { GraphWriter } from "./graph-writer.ts";
import { blocksOf, writeBlocks, writeRows } from "./measuring-graph.ts";

/**
 * Writes the graph of sampling/self-certainty.ts's sums, for the rows that want them:
 *
 *     logits [R, V] → logit_sum, logit_count [R, blocks]   over the logits that are not −∞
 *
 * Sliced as `measuringGraph` is.
 */
export function logitSumsGraph(
  type: FloatType,
  vocabularySize: number,
  { isSliced = false }: { readonly isSliced?: boolean } = {},
): Uint8Array {
  const blocks = blocksOf(vocabularySize);
  const graph = new GraphWriter("logit_sums");
  writeRows(graph, type, { vocabularySize, isSliced });
  writeBlocks(graph, vocabularySize, blocks);
  graph.integers("axis_2", [2]);
  graph.constant("least", Float32Array.of(leastLogit), []);
  graph.constant("zero", Float32Array.of(0), []);
  graph.node("Greater", ["blocked", "least"], ["is_finite"]);
  graph.node("Where", ["is_finite", "blocked", "zero"], ["finite"]);
  graph.node("ReduceSum", ["finite", "axis_2"], ["logit_sum"], { keepdims: 0 });
  graph.node("Cast", ["is_finite"], ["ones"], { to: elementTypes.float32.code });
  graph.node("ReduceSum", ["ones", "axis_2"], ["logit_count"], { keepdims: 0 });
  for (const name of ["logit_sum", "logit_count"]) graph.output(name, "float32", ["rows", blocks.count]);
  return graph.encode();
}
