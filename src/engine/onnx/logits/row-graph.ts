import { LRUCache } from "lru-cache";
import type { IoBinding } from "../ort/io-binding.ts";
import { Session } from "../ort/session.ts";
import type { Threading } from "../ort/session.ts";
import { HostTensor } from "../ort/tensor.ts";
import type { Tensor } from "../ort/tensor.ts";
import { RepeatedRun } from "../repeated-run.ts";
import type { LogitsMemory } from "./logits-memory.ts";

/**
 * Logits read in one run, whole rows of them: the intermediate results of more would not stay in a processor's
 * caches (rows of 152,064 logits: 0.69 ms each in runs of 16, 0.53 ms in runs of 4).
 */
const mostLogitsPerRun = 640_000;
const mostRowsPerRun = 16;

/** Bindings kept for reuse; decoding repeats a few. */
const maxBindings = 64;

/** By their names in the graph; a row for each row of logits. */
export type RowTensors = Readonly<Record<string, HostTensor>>;

export interface RowGraphOptions {
  /** Takes `logits`; for a device other than the CPU, those from `first_row` up to `end_row` of them. */
  readonly graph: Uint8Array;
  /** What it takes beside the logits, and what it gives. Borrowed: they outlive it. */
  readonly inputs?: RowTensors;
  readonly outputs: RowTensors;
}

/** Runs a graph over rows of logits where they stand: JavaScript never loops over them, and they stay on a device. */
export class RowGraph implements Disposable {
  readonly #memory: Omit<LogitsMemory, "read">;
  readonly #session: Session;
  readonly #tensors: RowTensors;
  readonly #outputs: ReadonlySet<string>;
  readonly #rowsPerRun: number;
  /** By the first row and their number. */
  readonly #runs = new LRUCache<string, BoundRun>({
    max: maxBindings,
    dispose: (run) => {
      run[Symbol.dispose]();
    },
  });

  constructor(
    memory: Omit<LogitsMemory, "read">,
    { graph, inputs = {}, outputs }: RowGraphOptions,
    threading: Threading,
  ) {
    const { device, size } = memory;
    this.#memory = memory;
    const fitting = Math.max(1, Math.floor(mostLogitsPerRun / size.vocabularySize));
    // A device has no such caches, and each run is a call.
    this.#rowsPerRun = device === "cpu" ? Math.min(mostRowsPerRun, fitting) : mostRowsPerRun;
    this.#session = new Session(graph, { device, ...threading, isWhole: true });
    this.#tensors = { ...inputs, ...outputs };
    this.#outputs = new Set(Object.keys(outputs));
  }

  /** Runs over consecutive rows. The logits must stay until it is done. */
  async run(firstRow: number, rows: number): Promise<void> {
    const end = firstRow + rows;
    // Evenly: a run of a few rows that are left over costs nearly as much as one of many.
    const perRun = Math.ceil(rows / Math.ceil(rows / this.#rowsPerRun));
    for (let row = firstRow; row < end; row += perRun) {
      const run = this.#runFor(row, Math.min(perRun, end - row));
      if (this.#memory.device !== "cpu") run.bindInputs();
      await run.run();
    }
  }

  [Symbol.dispose](): void {
    this.#runs.clear();
    this.#session[Symbol.dispose]();
  }

  #runFor(firstRow: number, count: number): BoundRun {
    const key = `${firstRow}/${count}`;
    let run = this.#runs.get(key);
    if (run === undefined) {
      const tensors = { ...this.#rows(firstRow, count), ...partsOf(this.#tensors, firstRow, count) };
      run = new BoundRun(this.#session, tensors, this.#outputs);
      this.#runs.set(key, run);
    }
    return run;
  }

  /** The logits of consecutive rows, as the graph takes them. */
  #rows(firstRow: number, count: number): Readonly<Record<string, Tensor>> {
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

/** A row of what a graph gave. */
export function rowOf(tensor: HostTensor, row: number): Float32Array {
  const width = tensor.shape[1]!;
  return tensor.asFloat32().subarray(row * width, (row + 1) * width);
}

/** A sum that a graph gave by blocks, in double precision. */
export function sumOfRow(tensor: HostTensor, row: number): number {
  let sum = 0;
  for (const value of rowOf(tensor, row)) sum += value;
  return sum;
}

function partsOf(tensors: RowTensors, firstRow: number, count: number): RowTensors {
  const part = (tensor: HostTensor): HostTensor => {
    const rowBytes = tensor.bytes.byteLength / tensor.shape[0]!;
    return HostTensor.over(tensor, firstRow * rowBytes, [count, tensor.shape[1]!]);
  };
  return Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, part(tensor)]));
}

/** The tensors of a run over some rows, bound. */
class BoundRun implements Disposable {
  readonly #binding: IoBinding;
  readonly #run: RepeatedRun;
  readonly #tensors: Readonly<Record<string, Tensor>>;
  readonly #outputs: ReadonlySet<string>;

  constructor(session: Session, tensors: Readonly<Record<string, Tensor>>, outputs: ReadonlySet<string>) {
    this.#binding = session.createBinding();
    this.#run = new RepeatedRun(session, this.#binding);
    this.#tensors = tensors;
    this.#outputs = outputs;
    this.bindInputs();
    for (const name of outputs) this.#binding.bindOutput(name, tensors[name]!);
  }

  run(): Promise<void> {
    return this.#run.run();
  }

  /** To a device other than the CPU the contents of host tensors go now. */
  bindInputs(): void {
    for (const [name, tensor] of Object.entries(this.#tensors))
      if (!this.#outputs.has(name)) this.#binding.bindInput(name, tensor);
  }

  [Symbol.dispose](): void {
    this.#binding[Symbol.dispose]();
    for (const tensor of Object.values(this.#tensors)) tensor[Symbol.dispose]();
  }
}
