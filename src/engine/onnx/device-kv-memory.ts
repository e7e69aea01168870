import type { KvMemory, KvSlice } from "../../kvcache/kv-memory.ts";
import type { Batch } from "../runner.ts";
import type { DecoderGraph } from "./decoder-graph.ts";
import type { KvTransfer } from "./kv-transfer.ts";
import type { DeviceMemory, DeviceTensor } from "./ort/device-memory.ts";
import { byteLength, HostTensor } from "./ort/tensor.ts";

export interface DeviceKvMemoryOptions {
  readonly lanes: number;
  readonly capacity: number;
  readonly device: DeviceMemory;
  readonly transfer: KvTransfer;
}

/** What a copy between host and device holds of either at once, bytes. */
const chunkBytes = 32 * 1024 * 1024;

/**
 * The live cache in device memory. Slices that leave it stand in host memory, [planes, heads, tokens, row]; lanes move
 * among themselves without leaving the device. Which row of the planes holds a lane is its own business.
 */
export class DeviceKvMemory implements KvMemory {
  readonly lanes: number;
  readonly capacity: number;
  readonly bytesPerToken: number;
  readonly #graph: DecoderGraph;
  readonly #device: DeviceMemory;
  readonly #transfer: KvTransfer;
  /** By lane. */
  readonly #rows: number[];
  /** By lane: tokens that may be of use to somebody. */
  readonly #lengths: number[];

  constructor(graph: DecoderGraph, { lanes, capacity, device, transfer }: DeviceKvMemoryOptions) {
    this.lanes = lanes;
    this.capacity = capacity;
    this.bytesPerToken = byteLength(graph.cacheType, sliceShape(graph, 1));
    this.#graph = graph;
    this.#device = device;
    this.#transfer = transfer;
    this.#rows = Array.from({ length: lanes }, (_, lane) => lane);
    this.#lengths = Array<number>(lanes).fill(0);
  }

  /** @throws Error when there is no memory behind it: WebGPU hands out such buffers, and says so when they are used */
  touch(): void {
    this.write(
      this.lanes - 1,
      this.capacity - 1,
      { length: 1, bytes: new Uint8Array(this.bytesPerToken) },
      0,
      1,
    );
  }

  /** Fills the cache with zeros: to attention, K/V that is masked counts for nothing only if it is a number. */
  clear(): void {
    for (const lane of this.#rows) {
      for (const [from, to] of this.#chunks(0, this.capacity)) {
        using zeros = this.#hostSlice(to - from);
        this.#transfer.write(this.#rows[lane]!, from, zeros);
      }
    }
    this.#lengths.fill(0);
  }

  read(lane: number, from: number, to: number): KvSlice {
    const length = to - from;
    const bytes = new Uint8Array(length * this.bytesPerToken);
    for (const [start, end] of this.#chunks(from, to)) {
      using part = this.#hostSlice(end - start);
      this.#transfer.read(this.#rows[lane]!, start, end, part);
      this.#copyTokens(part.bytes, bytes, { from: 0, to: end - start, at: start - from });
    }
    return { length, bytes };
  }

  // eslint-disable-next-line max-params -- a copy has a place and a range
  write(lane: number, at: number, slice: KvSlice, from: number, to: number): void {
    for (const [start, end] of this.#chunks(from, to)) {
      using part = this.#hostSlice(end - start);
      this.#copyTokens(slice.bytes, part.bytes, { from: start, to: end, at: 0 });
      this.#transfer.write(this.#rows[lane]!, at + start - from, part);
    }
    this.#lengths[lane] = Math.max(this.#lengths[lane]!, at + to - from);
  }

  copyLane(source: number, target: number, length: number): void {
    for (const [from, to] of this.#chunks(0, length)) {
      using part = this.#deviceSlice(to - from);
      this.#transfer.read(this.#rows[source]!, from, to, part);
      this.#transfer.write(this.#rows[target]!, from, part);
    }
    this.#lengths[target] = length;
  }

  /**
   * Brings the lanes of a batch into the first rows, for a pass that is about to run.
   * @returns the row of each
   */
  gather(batch: Batch): readonly number[] {
    const count = batch.length;
    const inBatch = new Set(batch.map(({ lane }) => lane));
    for (const { lane } of batch) {
      if (this.#rows[lane]! < count) continue;
      const other = this.#rows.findIndex((row, candidate) => row < count && !inBatch.has(candidate));
      this.#swap(lane, other);
    }
    for (const { lane, position, tokens } of batch) this.#lengths[lane] = position + tokens.length;
    return batch.map(({ lane }) => this.#rows[lane]!);
  }

  #swap(lane: number, other: number): void {
    const length = Math.max(this.#lengths[lane]!, this.#lengths[other]!);
    const row = this.#rows[lane]!;
    const otherRow = this.#rows[other]!;
    for (const [from, to] of this.#chunks(0, length)) {
      using part = this.#deviceSlice(to - from);
      using otherPart = this.#deviceSlice(to - from);
      this.#transfer.read(row, from, to, part);
      this.#transfer.read(otherRow, from, to, otherPart);
      this.#transfer.write(row, from, otherPart);
      this.#transfer.write(otherRow, from, part);
    }
    this.#rows[lane] = otherRow;
    this.#rows[other] = row;
  }

  /** Cuts a range of tokens into pieces that are moved at once. */
  *#chunks(from: number, to: number): Generator<[from: number, to: number], void, undefined> {
    const size = Math.max(1, Math.floor(chunkBytes / this.bytesPerToken));
    for (let start = from; start < to; start += size) yield [start, Math.min(to, start + size)];
  }

  #hostSlice(tokens: number): HostTensor {
    return HostTensor.zeros(this.#graph.cacheType, sliceShape(this.#graph, tokens));
  }

  #deviceSlice(tokens: number): DeviceTensor {
    return this.#device.allocate(this.#graph.cacheType, sliceShape(this.#graph, tokens));
  }

  /** Copies tokens `from`..`to` of one slice to another, the first landing at token `at`. */
  #copyTokens(
    source: Uint8Array,
    target: Uint8Array,
    { from, to, at }: { from: number; to: number; at: number },
  ): void {
    const { planes, kvHeads, headDim, cacheType } = this.#graph;
    const rowBytes = byteLength(cacheType, [headDim]);
    const runs = planes.length * kvHeads;
    const [sourceBytes, targetBytes] = [source.length / runs, target.length / runs];
    for (let run = 0; run < runs; run++) {
      const start = run * sourceBytes;
      target.set(
        source.subarray(start + from * rowBytes, start + to * rowBytes),
        run * targetBytes + at * rowBytes,
      );
    }
  }
}

const sliceShape = (
  { planes, kvHeads, headDim }: Pick<DecoderGraph, "planes" | "kvHeads" | "headDim">,
  tokens: number,
): readonly number[] => [planes.length, kvHeads, tokens, headDim];
