import type { KvPart, KvSlice } from "../../../kvcache/kv-memory.ts";
import { clearingGraph, readingGraph, writingGraph } from "../graphs/kv-transfer-graphs.ts";
import type { CacheShape } from "../graphs/kv-transfer-graphs.ts";
import type { Device, DeviceMemory, DeviceTensor } from "../ort/device-memory.ts";
import type { IoBinding } from "../ort/io-binding.ts";
import { Session } from "../ort/session.ts";
import type { SessionOptions } from "../ort/session.ts";
import { byteLength, HostTensor } from "../ort/tensor.ts";
import type { Tensor } from "../ort/tensor.ts";

/** A row of planes [rows, kvHeads, length, headDim]. */
export interface KvPlace {
  readonly planes: readonly Tensor[];
  readonly row: number;
}

/** What a copy holds at once on the host or in passing on the device, bytes. */
const chunkBytes = 32 * 1024 * 1024;

/**
 * Moves the K/V of consecutive tokens between planes that stand on a device, and to the host and back, by two graphs
 * that run there. In passing it is one tensor [planes, kvHeads, tokens, headDim]; slices on the host are laid out so
 * too.
 */
export class KvTransfer implements Disposable {
  readonly bytesPerToken: number;
  readonly #options: SessionOptions;
  readonly #shape: CacheShape;
  readonly #memory: DeviceMemory;
  readonly #reader: Session;
  readonly #reading: IoBinding;
  readonly #writer: Session;
  readonly #writing: IoBinding;

  /** @throws Error when the device has no kernel for what it takes */
  constructor(device: Device, shape: CacheShape, memory: DeviceMemory) {
    this.#options = { device, threads: 1, isWhole: true };
    this.#shape = shape;
    this.#memory = memory;
    this.bytesPerToken = byteLength(shape.cacheType, this.#sliceShape(1));
    this.#reader = new Session(readingGraph(shape), this.#options);
    this.#reading = this.#reader.createBinding();
    this.#writer = new Session(writingGraph(shape), this.#options);
    this.#writing = this.#writer.createBinding();
  }

  /** Copies tokens `from`..`to` to the host. */
  read(place: KvPlace, from: number, to: number): KvSlice {
    const length = to - from;
    const bytes = new Uint8Array(length * this.bytesPerToken);
    for (const [start, end] of this.#chunks(from, to)) {
      using part = this.#hostPart(end - start);
      this.#readPart(place, start, part);
      this.#copyTokens(part.bytes, bytes, { from: 0, to: end - start, at: start - from });
    }
    return { length, bytes };
  }

  /** Copies part of a slice into place, its first token landing at position `at`. */
  write(place: KvPlace, at: number, { slice, from, to }: KvPart): void {
    for (const [start, end] of this.#chunks(from, to)) {
      using part = this.#hostPart(end - start);
      this.#copyTokens(slice.bytes, part.bytes, { from: start, to: end, at: 0 });
      this.#writePart(place, at + start - from, part);
    }
  }

  /** Fills planes with zeros. */
  clear(planes: readonly Tensor[]): void {
    using clearer = new Session(clearingGraph(this.#shape), this.#options);
    using clearing = clearer.createBinding();
    for (const plane of planes) {
      using shape = HostTensor.integers(plane.shape, [plane.shape.length]);
      clearing.bindInput("shape", shape);
      clearing.bindOutput("plane", plane);
      clearer.runSync(clearing);
      clearing.clear();
    }
  }

  /** Copies the first `length` tokens over others, without leaving the device. */
  copy(source: KvPlace, target: KvPlace, length: number): void {
    for (const [from, to] of this.#chunks(0, length)) {
      using part = this.#devicePart(to - from);
      this.#readPart(source, from, part);
      this.#writePart(target, from, part);
    }
  }

  /** Lets the first `length` tokens of two places trade them. */
  swap(one: KvPlace, other: KvPlace, length: number): void {
    for (const [from, to] of this.#chunks(0, length)) {
      using part = this.#devicePart(to - from);
      using otherPart = this.#devicePart(to - from);
      this.#readPart(one, from, part);
      this.#readPart(other, from, otherPart);
      this.#writePart(one, from, otherPart);
      this.#writePart(other, from, part);
    }
  }

  [Symbol.dispose](): void {
    for (const owned of [this.#reading, this.#writing, this.#reader, this.#writer]) owned[Symbol.dispose]();
  }

  /** Fills `part` with the tokens from `from` on. */
  #readPart({ planes, row }: KvPlace, from: number, part: Tensor): void {
    using starts = HostTensor.integers([row, from], [2]);
    using ends = HostTensor.integers([row + 1, from + part.shape[2]!], [2]);
    this.#reading.bindInput("starts", starts);
    this.#reading.bindInput("ends", ends);
    for (const [index, plane] of planes.entries()) this.#reading.bindInput(`plane.${index}`, plane);
    this.#reading.bindOutput("slice", part);
    this.#reader.runSync(this.#reading);
    this.#reading.clear();
  }

  /** Puts the tokens of `part` from position `at` on. */
  #writePart({ planes, row }: KvPlace, at: number, part: Tensor): void {
    const tokens = part.shape[2]!;
    const { kvHeads } = this.#shape;
    using places = HostTensor.zeros("int64", [kvHeads, tokens, 3]);
    const indices = places.asBigInt64();
    let next = 0;
    for (let head = 0; head < kvHeads; head++) {
      for (let token = 0; token < tokens; token++) {
        for (const index of [row, head, at + token]) indices[next++] = BigInt(index);
      }
    }
    this.#writing.bindInput("places", places);
    this.#writing.bindInput("slice", part);
    for (const [index, plane] of planes.entries()) {
      // The same memory as input and output: the rest of the plane stays where it is.
      this.#writing.bindInput(`plane.${index}`, plane);
      this.#writing.bindOutput(`written.${index}`, plane);
    }
    this.#writer.runSync(this.#writing);
    this.#writing.clear();
  }

  /** Cuts a range of tokens into pieces that are moved at once. */
  *#chunks(from: number, to: number): Generator<[from: number, to: number], void, undefined> {
    const size = Math.max(1, Math.floor(chunkBytes / this.bytesPerToken));
    for (let start = from; start < to; start += size) yield [start, Math.min(to, start + size)];
  }

  #sliceShape(tokens: number): readonly number[] {
    const { planes, kvHeads, headDim } = this.#shape;
    return [planes.length, kvHeads, tokens, headDim];
  }

  #hostPart(tokens: number): HostTensor {
    return HostTensor.zeros(this.#shape.cacheType, this.#sliceShape(tokens));
  }

  #devicePart(tokens: number): DeviceTensor {
    return this.#memory.allocate(this.#shape.cacheType, this.#sliceShape(tokens));
  }

  /** Copies tokens `from`..`to` of one slice's bytes to another's, the first landing at token `at`. */
  #copyTokens(
    source: Uint8Array,
    target: Uint8Array,
    { from, to, at }: { from: number; to: number; at: number },
  ): void {
    const { planes, kvHeads, headDim, cacheType } = this.#shape;
    const rowBytes = byteLength(cacheType, [headDim]);
    const runs = planes.length * kvHeads;
    const [sourceBytes, targetBytes] = [source.length / runs, target.length / runs];
    for (let run = 0; run < runs; run++) {
      const start = run * sourceBytes;
      const tokens = source.subarray(start + from * rowBytes, start + to * rowBytes);
      target.set(tokens, run * targetBytes + at * rowBytes);
    }
  }
}
