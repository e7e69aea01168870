import { GraphWriter } from "./graph-writer.ts";
import type { DecoderGraph } from "./decoder-graph.ts";
import type { Device } from "./ort/device-memory.ts";
import type { IoBinding } from "./ort/io-binding.ts";
import { Session } from "./ort/session.ts";
import { HostTensor } from "./ort/tensor.ts";
import type { Tensor } from "./ort/tensor.ts";

type CacheShape = Pick<DecoderGraph, "planes" | "kvHeads" | "headDim" | "cacheType">;

/**
 * Moves the K/V of consecutive tokens out of and into planes [rows, kvHeads, capacity, headDim] that stand on a device, by
 * two graphs that run there. A slice is one tensor [planes, kvHeads, tokens, headDim], on the host or on the device.
 */
export class KvTransfer implements Disposable {
  readonly #planes: readonly Tensor[];
  readonly #heads: number;
  readonly #reader: Session;
  readonly #reading: IoBinding;
  readonly #writer: Session;
  readonly #writing: IoBinding;

  /** @throws Error when the device has no kernel for what it takes */
  constructor(device: Device, shape: CacheShape, planes: readonly Tensor[]) {
    const options = { device, threads: 1, isWhole: true } as const;
    this.#planes = planes;
    this.#heads = shape.kvHeads;
    this.#reader = new Session(readingGraph(shape), options);
    this.#reading = this.#reader.createBinding();
    this.#writer = new Session(writingGraph(shape), options);
    this.#writing = this.#writer.createBinding();
  }

  /** Copies tokens `from`..`to` of a row out, into `slice`. */
  read(row: number, from: number, to: number, slice: Tensor): void {
    using starts = integers([row, from], [2]);
    using ends = integers([row + 1, to], [2]);
    this.#reading.bindInput("starts", starts);
    this.#reading.bindInput("ends", ends);
    for (const [index, plane] of this.#planes.entries()) this.#reading.bindInput(`plane.${index}`, plane);
    this.#reading.bindOutput("slice", slice);
    this.#reader.runSync(this.#reading);
    this.#reading.clear();
  }

  /** Copies `slice` into a row, its first token landing at position `at`. */
  write(row: number, at: number, slice: Tensor): void {
    const tokens = slice.shape[2]!;
    const heads = Array.from({ length: this.#heads }, (_, head) => head);
    const places = heads.flatMap((head) =>
      Array.from({ length: tokens }, (_, token) => [row, head, at + token]),
    );
    using indices = integers(places.flat(), [this.#heads, tokens, 3]);
    this.#writing.bindInput("places", indices);
    this.#writing.bindInput("slice", slice);
    for (const [index, plane] of this.#planes.entries()) {
      // The same memory as input and output: the rest of the plane stays where it is.
      this.#writing.bindInput(`plane.${index}`, plane);
      this.#writing.bindOutput(`written.${index}`, plane);
    }
    this.#writer.runSync(this.#writing);
    this.#writing.clear();
  }

  [Symbol.dispose](): void {
    for (const owned of [this.#reading, this.#writing, this.#reader, this.#writer]) owned[Symbol.dispose]();
  }
}

/** slice = Concat_i plane_i[row:row+1, :, from:to, :] */
function readingGraph({ planes, kvHeads, headDim, cacheType }: CacheShape): Uint8Array {
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
function writingGraph({ planes, kvHeads, headDim, cacheType }: CacheShape): Uint8Array {
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

function integers(values: readonly number[], shape: readonly number[]): HostTensor {
  const tensor = HostTensor.zeros("int64", shape);
  tensor.asBigInt64().set(values.map(BigInt));
  return tensor;
}
