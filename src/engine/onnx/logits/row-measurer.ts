import { LRUCache } from "lru-cache";
import type { Distribution } from "../../../sampling/distribution.ts";
import { topOf } from "../../../sampling/likeliest.ts";
import { measuredTop, summarize } from "../../../sampling/measure.ts";
import type { LogitsMemory } from "./logits-memory.ts";
import { blocksOf, measuringGraph } from "../graphs/measuring-graph.ts";
import type { IoBinding } from "../ort/io-binding.ts";
import { Session } from "../ort/session.ts";
import type { Threading } from "../ort/session.ts";
import { HostTensor } from "../ort/tensor.ts";
import type { Tensor } from "../ort/tensor.ts";
import { RepeatedRun } from "../repeated-run.ts";

/**
 * Logits measured in one run, whole rows of them: the intermediate results of more would not stay in a processor's
 * caches (rows of 152,064 logits: 0.69 ms each in runs of 16, 0.53 ms in runs of 4).
 */
const mostLogitsPerRun = 640_000;
const mostRowsPerRun = 16;

/** Bindings kept for reuse; decoding repeats a few. */
const maxBindings = 64;

/**
 * Measures rows of logits where they stand, by a graph: JavaScript never loops over them, and they stay on a device.
 */
export class RowMeasurer implements Disposable {
  readonly #memory: Omit<LogitsMemory, "read">;
  readonly #session: Session;
  readonly #results: Results;
  readonly #rowsPerRun: number;
  /** By the first row and their number. */
  readonly #runs = new LRUCache<string, BoundRun>({
    max: maxBindings,
    dispose: (run) => {
      run[Symbol.dispose]();
    },
  });
  /** The 1/τ that each row was last measured at; NaN for rows that were not. */
  readonly #measuredAt: Float64Array;

  constructor(memory: Omit<LogitsMemory, "read">, threading: Threading) {
    const { device, size } = memory;
    const { logitsType, vocabularySize, tokens: rows } = size;
    this.#memory = memory;
    const fitting = Math.max(1, Math.floor(mostLogitsPerRun / vocabularySize));
    // A device has no such caches, and each run is a call.
    this.#rowsPerRun = device === "cpu" ? Math.min(mostRowsPerRun, fitting) : mostRowsPerRun;
    const likeliest = Math.min(measuredTop, vocabularySize);
    const blocks = blocksOf(vocabularySize).count;
    const graph = measuringGraph(logitsType, vocabularySize, { isSliced: device !== "cpu" });
    this.#session = new Session(graph, { device, ...threading, isWhole: true });
    this.#measuredAt = new Float64Array(rows).fill(NaN);
    this.#results = {
      inverse_temperature: HostTensor.zeros("float32", [rows, 1]),
      top_logits: HostTensor.zeros("float32", [rows, likeliest]),
      top_ids: HostTensor.zeros("int64", [rows, likeliest]),
      mass: HostTensor.zeros("float32", [rows, blocks]),
      tempered_mass: HostTensor.zeros("float32", [rows, blocks]),
      weighted: HostTensor.zeros("float32", [rows, blocks]),
    };
  }

  /** Forgets what was measured: the logits are no longer the same. */
  forget(): void {
    this.#measuredAt.fill(NaN);
  }

  /** Measures consecutive rows, each at its 1/τ. The logits must stay until it is done. */
  async measure(firstRow: number, inverseTemperatures: readonly number[]): Promise<void> {
    this.#results.inverse_temperature.asFloat32().set(inverseTemperatures, firstRow);
    const end = firstRow + inverseTemperatures.length;
    for (let row = firstRow; row < end; row += this.#rowsPerRun) {
      const run = this.#runFor(row, Math.min(this.#rowsPerRun, end - row));
      if (this.#memory.device !== "cpu") run.bindInputs();
      await run.run();
    }
    this.#measuredAt.set(inverseTemperatures, firstRow);
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
    const logits = rowOf(top_logits.asFloat32(), row, top_logits.shape[1]!);
    const sums = {
      max: logits[0]!,
      mass: sumRow(mass, row),
      temperedMass: sumRow(tempered_mass, row),
      weighted: sumRow(weighted, row),
    };
    if (Number.isNaN(sums.mass + sums.weighted)) return undefined;
    const { logSum, logNormalizer, entropy } = summarize(sums, inverseTemperature);
    const top = topOf(idsOf(top_ids, row), logits, logSum);
    const { vocabularySize } = this.#memory.size;
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
      run = new BoundRun(this.#session, {
        ...this.#rows(firstRow, count),
        ...partsOf(this.#results, firstRow, count),
      });
      this.#runs.set(key, run);
    }
    return run;
  }

  /** The logits of consecutive rows, as the graph takes them. */
  #rows(firstRow: number, count: number): Tensors {
    const { device, size } = this.#memory;
    const { tokens, vocabularySize } = size;
    if (device === "cpu") return { logits: this.#memory.tensor(firstRow, [count, vocabularySize]) };
    const logits = this.#memory.tensor(0, [tokens, vocabularySize]);
    return {
      logits,
      first_row: HostTensor.integers([firstRow]),
      end_row: HostTensor.integers([firstRow + count]),
    };
  }
}

const rowOf = (values: Float32Array, row: number, width: number): Float32Array =>
  values.subarray(row * width, (row + 1) * width);

/** Ids are the low halves of little-endian int64, which TopK gives. */
function idsOf(ids: HostTensor, row: number): Int32Array {
  const width = ids.shape[1]!;
  const halves = ids.asInt32();
  const start = row * width;
  return Int32Array.from({ length: width }, (_, rank) => halves[2 * (start + rank)]!);
}

function sumRow(tensor: HostTensor, row: number): number {
  let sum = 0;
  for (const value of rowOf(tensor.asFloat32(), row, tensor.shape[1]!)) sum += value;
  return sum;
}

/** What the graph takes beside the logits, and what it gives, by its names; a row for each of the logits. */
type Results = Readonly<
  Record<"inverse_temperature" | "top_logits" | "top_ids" | "mass" | "tempered_mass" | "weighted", HostTensor>
>;

/** By their names in the graph. */
type Tensors = Readonly<Record<string, Tensor>>;

const inputs = ["logits", "first_row", "end_row", "inverse_temperature"];

function partsOf(results: Results, firstRow: number, count: number): Tensors {
  const part = (tensor: HostTensor): HostTensor => {
    const rowBytes = tensor.bytes.byteLength / tensor.shape[0]!;
    return HostTensor.over(tensor, firstRow * rowBytes, [count, tensor.shape[1]!]);
  };
  return Object.fromEntries(Object.entries(results).map(([name, tensor]) => [name, part(tensor)]));
}

/** The tensors of a run over some rows, bound. */
class BoundRun implements Disposable {
  readonly #binding: IoBinding;
  readonly #run: RepeatedRun;
  readonly #tensors: Tensors;

  constructor(session: Session, tensors: Tensors) {
    this.#binding = session.createBinding();
    this.#run = new RepeatedRun(session, this.#binding);
    this.#tensors = tensors;
    this.bindInputs();
    for (const [name, tensor] of Object.entries(tensors)) {
      if (!inputs.includes(name)) this.#binding.bindOutput(name, tensor);
    }
  }

  run(): Promise<void> {
    return this.#run.run();
  }

  /** To a device other than the CPU the contents of host tensors go now. */
  bindInputs(): void {
    for (const name of inputs) {
      const tensor = this.#tensors[name];
      if (tensor !== undefined) this.#binding.bindInput(name, tensor);
    }
  }

  [Symbol.dispose](): void {
    this.#binding[Symbol.dispose]();
    for (const tensor of Object.values(this.#tensors)) tensor[Symbol.dispose]();
  }
}
