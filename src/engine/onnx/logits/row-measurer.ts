import type { Distribution, LogitSums } from "../../../sampling/distribution.ts";
import { topOf } from "../../../sampling/likeliest.ts";
import { measuredTop, summarize } from "../../../sampling/measure.ts";
import { logitSumsGraph } from "../graphs/logit-sums-graph.ts";
import { blocksOf, measuringGraph } from "../graphs/measuring-graph.ts";
import type { Threading } from "../ort/session.ts";
import { HostTensor } from "../ort/tensor.ts";
import type { LogitsMemory } from "./logits-memory.ts";
import { RowGraph, rowOf, sumOfRow } from "./row-graph.ts";

/** Measures rows of logits where they stand. */
export class RowMeasurer implements Disposable {
  readonly #memory: Omit<LogitsMemory, "read">;
  readonly #threading: Threading;
  readonly #inverseTemperatures: HostTensor;
  readonly #results: Results;
  readonly #measuring: Readonly<Record<"plain" | "tempered", RowGraph>>;
  /** The 1/τ that each row was last measured at; NaN for rows that were not. */
  readonly #measuredAt: Float64Array;
  /** Made when the first row wants them. */
  #summing: { readonly graph: RowGraph; readonly sums: Sums } | undefined;
  /** Rows whose logits were summed. */
  readonly #summed = new Set<number>();

  constructor(memory: Omit<LogitsMemory, "read">, threading: Threading) {
    const { device, size } = memory;
    const { logitsType, vocabularySize, tokens: rows } = size;
    this.#memory = memory;
    this.#threading = threading;
    const likeliest = Math.min(measuredTop, vocabularySize);
    const blocks = blocksOf(vocabularySize).count;
    this.#measuredAt = new Float64Array(rows).fill(NaN);
    this.#inverseTemperatures = HostTensor.zeros("float32", [rows, 1]);
    const untempered = {
      top_logits: HostTensor.zeros("float32", [rows, likeliest]),
      top_ids: HostTensor.zeros("int64", [rows, likeliest]),
      mass: HostTensor.zeros("float32", [rows, blocks]),
      weighted: HostTensor.zeros("float32", [rows, blocks]),
    };
    this.#results = { ...untempered, tempered_mass: HostTensor.zeros("float32", [rows, blocks]) };
    const isSliced = device !== "cpu";
    const graphOf = (isTempered: boolean): Uint8Array =>
      measuringGraph(logitsType, vocabularySize, { isSliced, isTempered });
    const inputs = { inverse_temperature: this.#inverseTemperatures };
    this.#measuring = {
      plain: new RowGraph(memory, { graph: graphOf(false), outputs: untempered }, threading),
      tempered: new RowGraph(memory, { graph: graphOf(true), inputs, outputs: this.#results }, threading),
    };
  }

  /** Forgets what was measured: the logits are no longer the same. */
  forget(): void {
    this.#measuredAt.fill(NaN);
    this.#summed.clear();
  }

  /** Measures consecutive rows, each at its 1/τ. The logits must stay until it is done. */
  async measure(firstRow: number, inverseTemperatures: readonly number[]): Promise<void> {
    this.#inverseTemperatures.asFloat32().set(inverseTemperatures, firstRow);
    const isPlain = inverseTemperatures.every((inverseTemperature) => inverseTemperature === 1);
    await this.#measuring[isPlain ? "plain" : "tempered"].run(firstRow, inverseTemperatures.length);
    this.#measuredAt.set(inverseTemperatures, firstRow);
  }

  /** Sums the logits of consecutive rows, for those that want their self-certainty. */
  async sum(firstRow: number, rows: number): Promise<void> {
    this.#summing ??= this.#openSumming();
    await this.#summing.graph.run(firstRow, rows);
    for (let row = firstRow; row < firstRow + rows; row++) this.#summed.add(row);
  }

  /**
   * What was measured of a row. `undefined` when it was not measured at this 1/τ, and when its logits want a closer
   * look: some are not numbers.
   */
  distribution(
    row: number,
    inverseTemperature: number,
    readLogits: () => Float32Array,
  ): Distribution | undefined {
    if (this.#measuredAt[row] !== inverseTemperature) return undefined;
    const { top_logits, top_ids, mass, tempered_mass, weighted } = this.#results;
    const logits = rowOf(top_logits, row);
    const sums = {
      max: logits[0]!,
      mass: sumOfRow(mass, row),
      // Stale where all rows of its range were measured at 1, and not looked at.
      temperedMass: sumOfRow(tempered_mass, row),
      weighted: sumOfRow(weighted, row),
    };
    if (Number.isNaN(sums.mass + sums.weighted)) return undefined;
    const { logSum, logNormalizer, entropy } = summarize(sums, inverseTemperature);
    const top = topOf(idsOf(top_ids, row), logits, logSum);
    const { vocabularySize } = this.#memory.size;
    const logitSums = this.#sumsOf(row);
    return {
      ...{ logSum, logNormalizer, entropy, top, vocabularySize, readLogits },
      ...(logitSums === undefined ? {} : { logitSums }),
    };
  }

  [Symbol.dispose](): void {
    const { plain, tempered } = this.#measuring;
    for (const graph of [plain, tempered, this.#summing?.graph]) graph?.[Symbol.dispose]();
    const tensors = { ...this.#results, ...this.#summing?.sums };
    for (const tensor of [this.#inverseTemperatures, ...Object.values(tensors)]) tensor[Symbol.dispose]();
  }

  #openSumming(): { readonly graph: RowGraph; readonly sums: Sums } {
    const { device, size } = this.#memory;
    const { logitsType, vocabularySize, tokens: rows } = size;
    const blocks = blocksOf(vocabularySize).count;
    const sums = {
      logit_sum: HostTensor.zeros("float32", [rows, blocks]),
      logit_count: HostTensor.zeros("float32", [rows, blocks]),
    };
    const graph = logitSumsGraph(logitsType, vocabularySize, { isSliced: device !== "cpu" });
    return { graph: new RowGraph(this.#memory, { graph, outputs: sums }, this.#threading), sums };
  }

  #sumsOf(row: number): LogitSums | undefined {
    if (this.#summing === undefined || !this.#summed.has(row)) return undefined;
    const { logit_sum, logit_count } = this.#summing.sums;
    return { sum: sumOfRow(logit_sum, row), count: sumOfRow(logit_count, row) };
  }
}

/** Ids are the low halves of little-endian int64, which TopK gives. */
function idsOf(ids: HostTensor, row: number): Int32Array {
  const width = ids.shape[1]!;
  const halves = ids.asInt32();
  const low = new Int32Array(width);
  for (let rank = 0; rank < width; rank++) low[rank] = halves[2 * (row * width + rank)]!;
  return low;
}

/** What the measuring graph gives, by its names; a row for each of the logits. */
type Results = Readonly<Record<"top_logits" | "top_ids" | "mass" | "tempered_mass" | "weighted", HostTensor>>;

/** What the graph of sums gives. */
type Sums = Readonly<Record<"logit_sum" | "logit_count", HostTensor>>;
