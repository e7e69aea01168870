import { measuredTop } from "../../../sampling/measure.ts";
import { leastLogit } from "../../../sampling/self-certainty.ts";
import type { FloatType } from "./decoder-graph.ts";
import { GraphWriter } from "./graph-writer.ts";
import { elementTypes } from "../ort/element-type.ts";

/**
 * Sums run over blocks of about so many tokens, and their reader adds those up in double precision: one sum of
 * 150,000 float32 numbers loses the fifth digit.
 */
const leastBlock = 64;
const usualBlock = 512;
const largestBlock = 4096;

/**
 * From so many times more blocks than likeliest tokens on, selecting among the blocks' maxima first saves most of the
 * search.
 */
const leastBlocksPerTop = 2;

/** Blocks of one alignment are summed in one order, wherever their row stands. */
const alignedTokens = 16;

/**
 * Writes the graph that measures rows of logits, all that sampling/measure.ts does, the oracle of its tests:
 *
 *     logits [R, V], inverse_temperature [R, 1]
 *       → top_logits, top_ids [R, K]   the likeliest, most likely first, ties by the lower id; K = min(64, V)
 *         mass, tempered_mass, weighted [R, blocks]   the sums of `RowSums` by blocks; max is the first of top_logits
 *
 * A row with NaN or +∞, or of nothing but −∞, gives NaN in `weighted`. Untempered, it takes no temperature and gives no
 * `tempered_mass`: at 1/τ = 1 that is `mass`. Sliced, it measures the rows `first_row` up to
 * `end_row` of the logits: for memory that tensors cannot begin in the middle of.
 */
export function measuringGraph(
  type: FloatType,
  vocabularySize: number,
  {
    isSliced = false,
    isTempered = true,
  }: { readonly isSliced?: boolean; readonly isTempered?: boolean } = {},
): Uint8Array {
  const blocks = blocksOf(vocabularySize);
  const graph = new GraphWriter("measure");
  const likeliest = Math.min(measuredTop, vocabularySize);
  writeRows(graph, type, { vocabularySize, isSliced });
  graph.integers("first", [0]);
  graph.integers("axis_2", [2]);
  graph.integers("likeliest", [likeliest]);

  writeBlocks(graph, vocabularySize, blocks);
  // Devices select from a whole row at once, and have no GatherND that is known to batch.
  if (isSliced || blocks.count < leastBlocksPerTop * likeliest)
    graph.node("TopK", ["wide", "likeliest"], ["top_logits", "top_ids"], { axis: 1, largest: 1, sorted: 1 });
  else writeTopOfBlocks(graph, blocks, likeliest);
  graph.node("Gather", ["top_logits", "first"], ["max"], { axis: 1 });

  graph.node("Unsqueeze", ["max", "axis_2"], ["row_max"]);
  graph.node("Sub", ["blocked", "row_max"], ["offsets"]);
  graph.node("Exp", ["offsets"], ["shares"]);
  graph.node("ReduceSum", ["shares", "axis_2"], ["mass"], { keepdims: 0 });

  // 0 · −∞ is not a number.
  graph.constant("floor", Float32Array.of(leastLogit), []);
  graph.node("Max", ["offsets", "floor"], ["finite_offsets"]);
  graph.node("Mul", ["shares", "finite_offsets"], ["weighted_shares"]);
  graph.node("ReduceSum", ["weighted_shares", "axis_2"], ["weighted"], { keepdims: 0 });

  graph.output("top_logits", "float32", ["rows", likeliest]);
  graph.output("top_ids", "int64", ["rows", likeliest]);
  for (const name of ["mass", "weighted"]) graph.output(name, "float32", ["rows", blocks.count]);
  if (isTempered) {
    graph.input("inverse_temperature", "float32", ["rows", 1]);
    graph.node("Unsqueeze", ["inverse_temperature", "axis_2"], ["row_inverse_temperature"]);
    graph.node("Mul", ["offsets", "row_inverse_temperature"], ["tempered_offsets"]);
    graph.node("Exp", ["tempered_offsets"], ["tempered_shares"]);
    graph.node("ReduceSum", ["tempered_shares", "axis_2"], ["tempered_mass"], { keepdims: 0 });
    graph.output("tempered_mass", "float32", ["rows", blocks.count]);
  }
  return graph.encode();
}

/** How a row is cut into blocks; the last may reach beyond it. */
export interface Blocks {
  readonly count: number;
  readonly tokens: number;
}

/** Blocks of the aligned divisor of the vocabulary nearest to the usual size; of that size when there is none. */
export function blocksOf(vocabularySize: number): Blocks {
  const ratio = (size: number): number => Math.max(size / usualBlock, usualBlock / size);
  let tokens: number | undefined;
  const largest = Math.min(largestBlock, vocabularySize);
  for (let size = leastBlock; size <= largest; size += alignedTokens) {
    if (vocabularySize % size === 0 && ratio(size) < ratio(tokens ?? Infinity)) tokens = size;
  }
  tokens ??= usualBlock;
  return { count: Math.ceil(vocabularySize / tokens), tokens };
}

/** The logits [R, V] as `wide`, in float32; sliced, the rows `first_row` up to `end_row` of them. */
export function writeRows(
  graph: GraphWriter,
  type: FloatType,
  { vocabularySize, isSliced }: { readonly vocabularySize: number; readonly isSliced: boolean },
): void {
  graph.input("logits", type, ["rows", vocabularySize]);
  if (isSliced) {
    graph.input("first_row", "int64", [1]);
    graph.input("end_row", "int64", [1]);
    graph.integers("axis_0", [0]);
    graph.node("Slice", ["logits", "first_row", "end_row", "axis_0"], ["measured"]);
  }
  graph.node("Cast", [isSliced ? "measured" : "logits"], ["wide"], { to: elementTypes.float32.code });
}

/** `wide` [R, V] as `blocked` [R, blocks, tokens], padded where it does not fill them. */
export function writeBlocks(graph: GraphWriter, vocabularySize: number, { count, tokens }: Blocks): void {
  const padding = count * tokens - vocabularySize;
  graph.integers("blocks", [0, count, tokens]);
  if (padding > 0) {
    graph.integers("padding", [0, 0, 0, padding]);
    graph.constant("padding_logit", Float32Array.of(-Infinity), []);
    graph.node("Pad", ["wide", "padding", "padding_logit"], ["padded"]);
  }
  graph.node("Reshape", [padding > 0 ? "padded" : "wide", "blocks"], ["blocked"]);
}

/**
 * The K likeliest of [R, blocks, tokens], without looking at most of them: K blocks hold K maxima, so none of the
 * likeliest is below the K-th largest maximum. Blocks go on in ascending order, which leaves ties to the lower id.
 */
function writeTopOfBlocks(graph: GraphWriter, { tokens }: Blocks, likeliest: number): void {
  graph.integers("block_tokens", [tokens]);
  graph.integers("candidates", [0, likeliest * tokens]);
  graph.node("ReduceMax", ["blocked"], ["maxima"], { axes: [2], keepdims: 0 });
  graph.node("TopK", ["maxima", "likeliest"], ["top_maxima", "top_blocks"], { axis: 1 });
  graph.node("TopK", ["top_blocks", "likeliest"], ["own_blocks", "own_ranks"], { axis: 1, largest: 0 });
  graph.node("Unsqueeze", ["own_blocks", "axis_2"], ["own_rows"]);
  graph.node("GatherND", ["blocked", "own_rows"], ["own_logits"], { batch_dims: 1 });
  graph.node("Reshape", ["own_logits", "candidates"], ["candidate_logits"]);
  graph.node("TopK", ["candidate_logits", "likeliest"], ["top_logits", "places"], { axis: 1 });
  graph.node("Div", ["places", "block_tokens"], ["block_places"]);
  graph.node("Mod", ["places", "block_tokens"], ["token_places"]);
  graph.node("GatherElements", ["own_blocks", "block_places"], ["block_ids"], { axis: 1 });
  graph.node("Mul", ["block_ids", "block_tokens"], ["block_starts"]);
  graph.node("Add", ["block_starts", "token_places"], ["top_ids"]);
}
