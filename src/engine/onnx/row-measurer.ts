import { LRUCache } from "lru-cache";
import type { Distribution } from "../../core/distribution.ts";
import { topOf } from "../../core/likeliest.ts";
import { measuredTop, summarize } from "../../core/measure.ts";
import type { FloatType } from "./decoder-graph.ts";
import { blocksOf, measuringGraph } from "./measuring-graph.ts";
import type { IoBinding } from "./ort/io-binding.ts";
import { Session } from "./ort/session.ts";
import { HostTensor } from "./ort/tensor.ts";

export interface RowMeasurerOptions {
  readonly type: FloatType;
  readonly vocabularySize: number;
  /** Most rows that are measured at a time. */
  readonly rows: number;
  /** Native threads of one run. */
  readonly threads: number;
  /** The tensor [count, vocabularySize] of the logits of consecutive rows; released by the measurer. */
  readonly logits: (firstRow: number, count: number) => HostTensor;
}

/** Bounds what the graph needs for its intermediate results, each as large as the logits of so many rows. */
const maxRowsPerRun = 16;

/** Bindings kept for reuse; decoding repeats a few. */
const maxBindings = 64;

/** A run whose like last took less than this stays on the calling thread; see the shared-cache runner. */
const shortRunMs = 0.5;

/** Measures rows of logits where they stand, by a graph: they are not looped over in JavaScript. */
export class RowMeasurer implements Disposable {
  readonly #options: RowMeasurerOptions;
  readonly #session: Session;
  readonly #results: Results;
  /** By the first row and their number. */
  readonly #runs = new LRUCache<string, BoundRun>({
    max: maxBindings,
    dispose: (run) => {
      run[Symbol.dispose]();
    },
  });
  /** The 1/τ that each row was last measured at; NaN for rows that were not. */
  readonly #measuredAt: Float64Array;

  constructor(options: RowMeasurerOptions) {
    const { type, vocabularySize, rows, threads } = options;
    this.#options = options;
    const likeliest = Math.min(measuredTop, vocabularySize);
    const blocks = blocksOf(vocabularySize).count;
    this.#session = new Session(measuringGraph(type, vocabularySize), { device: "cpu", threads });
    this.#measuredAt = new Float64Array(rows).fill(NaN);
    this.#results = {
      inverse_temperature: HostTensor.zeros("float32", [rows, 1]),
      top_logits: HostTensor.zeros("float32", [rows, likeliest]),
      top_ids: HostTensor.zeros("int32", [rows, likeliest]),
      mass: HostTensor.zeros("float32", [rows, blocks]),
      tempered_mass: HostTensor.zeros("float32", [rows, blocks]),
      weighted: HostTensor.zeros("float32", [rows, blocks]),
    };
  }

  /** Measures consecutive rows, each at its 1/τ, and forgets all others. The logits must stay until it is done. */
  async measure(firstRow: number, inverseTemperatures: readonly number[]): Promise<void> {
    this.#measuredAt.fill(NaN);
    this.#results.inverse_temperature.asFloat32().set(inverseTemperatures, firstRow);
    const end = firstRow + inverseTemperatures.length;
    for (let row = firstRow; row < end; row += maxRowsPerRun) {
      const run = this.#runFor(row, Math.min(maxRowsPerRun, end - row));
      const started = performance.now();
      if (run.durationMs < shortRunMs) this.#session.runSync(run.binding);
      else await this.#session.run(run.binding);
      run.durationMs = performance.now() - started;
    }
    this.#measuredAt.set(inverseTemperatures, firstRow);
  }

  /**
   * What was measured of a row. `undefined` when it was not measured at this 1/τ, and when its logits want a closer look:
   * some are not numbers.
   */
  distribution(
    row: number,
    inverseTemperature: number,
    readLogits: () => Float32Array,
  ): Distribution | undefined {
    if (this.#measuredAt[row] !== inverseTemperature) return undefined;
    const { top_logits, top_ids, mass, tempered_mass, weighted } = this.#results;
    const logits = rowOf(top_logits.asFloat32(), row, top_logits.shape[1]!);
    const sums = {
      max: logits[0]!,
      mass: sumRow(mass, row),
      temperedMass: sumRow(tempered_mass, row),
      weighted: sumRow(weighted, row),
    };
    if (Number.isNaN(sums.mass + sums.weighted)) return undefined;
    const { logSum, logNormalizer, entropy } = summarize(sums, inverseTemperature);
    const top = topOf(rowOf(top_ids.asInt32(), row, top_ids.shape[1]!), logits, logSum);
    const { vocabularySize } = this.#options;
    return { logSum, logNormalizer, entropy, top, vocabularySize, readLogits };
  }

  [Symbol.dispose](): void {
    this.#runs.clear();
    for (const tensor of Object.values(this.#results)) tensor[Symbol.dispose]();
    this.#session[Symbol.dispose]();
  }

  #runFor(firstRow: number, count: number): BoundRun {
    const key = `${firstRow}/${count}`;
    let run = this.#runs.get(key);
    if (run === undefined) {
      run = new BoundRun(
        this.#session.createBinding(),
        this.#options.logits(firstRow, count),
        partsOf(this.#results, firstRow, count),
      );
      this.#runs.set(key, run);
    }
    return run;
  }
}

const rowOf = <Values extends Float32Array | Int32Array>(
  values: Values,
  row: number,
  width: number,
): Values => values.subarray(row * width, (row + 1) * width) as Values;

function sumRow(tensor: HostTensor, row: number): number {
  let sum = 0;
  for (const value of rowOf(tensor.asFloat32(), row, tensor.shape[1]!)) sum += value;
  return sum;
}

/** What the graph takes beside the logits, and what it gives, by its names; a row for each of the logits. */
type Results = Readonly<
  Record<"inverse_temperature" | "top_logits" | "top_ids" | "mass" | "tempered_mass" | "weighted", HostTensor>
>;

function partsOf(results: Results, firstRow: number, count: number): Results {
  const part = (tensor: HostTensor): HostTensor => {
    const rowBytes = tensor.bytes.byteLength / tensor.shape[0]!;
    return HostTensor.over(tensor, firstRow * rowBytes, [count, tensor.shape[1]!]);
  };
  return Object.fromEntries(
    Object.entries(results).map(([name, tensor]) => [name, part(tensor)]),
  ) as unknown as Results;
}

/** The tensors of a run over some rows, bound. */
class BoundRun implements Disposable {
  /** How long it last took, ms; infinite before the first. */
  durationMs = Infinity;
  readonly binding: IoBinding;
  readonly #tensors: readonly HostTensor[];

  constructor(binding: IoBinding, logits: HostTensor, { inverse_temperature, ...outputs }: Results) {
    this.binding = binding;
    this.#tensors = [logits, inverse_temperature, ...Object.values(outputs)];
    binding.bindInput("logits", logits);
    binding.bindInput("inverse_temperature", inverse_temperature);
    for (const [name, tensor] of Object.entries(outputs)) binding.bindOutput(name, tensor);
  }

  [Symbol.dispose](): void {
    this.binding[Symbol.dispose]();
    for (const tensor of this.#tensors) tensor[Symbol.dispose]();
  }
}
