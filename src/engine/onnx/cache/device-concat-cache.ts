import { checkHeld, checkRoom } from "../../../kvcache/kv-memory.ts";
import type { KvMemory, KvPart, KvSlice } from "../../../kvcache/kv-memory.ts";
import type { ConcatCache } from "./concat-cache.ts";
import type { DecoderGraph } from "../graphs/decoder-graph.ts";
import { DevicePlanes } from "./device-planes.ts";
import type { KvPlace } from "./kv-transfer.ts";
import type { LiveCacheSize } from "./live-cache.ts";
import type { DeviceTensor } from "../ort/device-memory.ts";
import type { Session } from "../ort/session.ts";
import { HostTensor } from "../ort/tensor.ts";
import type { Tensor } from "../ort/tensor.ts";

/** On a device: one buffer with room for the whole capacity per lane and plane, and a spare set of them. */
export class DeviceConcatCache implements ConcatCache, KvMemory {
  readonly lanes: number;
  readonly capacity: number;
  readonly bytesPerToken: number;
  readonly #graph: DecoderGraph;
  readonly #device: DevicePlanes;
  /** By lane. */
  readonly #buffers: (readonly DeviceTensor[])[];
  readonly #lengths: number[];
  #spare: readonly DeviceTensor[];

  /** @throws Error when the device has no room, or cannot move K/V */
  constructor(session: Session, graph: DecoderGraph, { lanes, capacity }: LiveCacheSize) {
    this.#graph = graph;
    this.#device = new DevicePlanes(session, graph);
    this.lanes = lanes;
    this.capacity = capacity;
    this.bytesPerToken = this.#device.transfer.bytesPerToken;
    this.#lengths = Array<number>(lanes).fill(0);
    try {
      this.#buffers = Array.from({ length: lanes }, () => this.#device.allocate(1, capacity));
      this.#spare = this.#device.allocate(1, capacity);
    } catch (error) {
      this.#device[Symbol.dispose]();
      throw error;
    }
  }

  get memory(): KvMemory {
    return this;
  }

  past(lane: number, length: number): readonly Tensor[] {
    this.truncate(lane, length);
    const { planes, kvHeads, headDim, cacheType } = this.#graph;
    // A device has no buffers of no bytes.
    if (length === 0) return planes.map(() => HostTensor.zeros(cacheType, [1, kvHeads, 0, headDim]));
    return this.#device.view(this.#buffers[lane]!, 1, length);
  }

  present(length: number): readonly Tensor[] {
    return this.#device.view(this.#spare, 1, length);
  }

  adopt(lane: number, length: number): void {
    const old = this.#buffers[lane]!;
    this.#buffers[lane] = this.#spare;
    this.#lengths[lane] = length;
    this.#spare = old;
  }

  length(lane: number): number {
    return this.#lengths[lane]!;
  }

  read(lane: number, from: number, to: number): KvSlice {
    checkHeld(lane, this.length(lane), to);
    return this.#at(this.#buffers[lane]!, this.#lengths[lane]!, (place) =>
      this.#device.transfer.read(place, from, to),
    );
  }

  write(lane: number, at: number, part: KvPart): void {
    checkHeld(lane, this.length(lane), at);
    const end = at + part.to - part.from;
    checkRoom(lane, this.capacity, end);
    this.#relayout(lane, Math.max(this.length(lane), end));
    this.#at(this.#buffers[lane]!, this.length(lane), (place) => {
      this.#device.transfer.write(place, at, part);
    });
  }

  copyLane(source: number, target: number, length: number): void {
    checkHeld(source, this.length(source), length);
    this.#lengths[target] = length;
    if (length === 0) return;
    const from = { buffers: this.#buffers[source]!, stride: this.length(source) };
    this.#copy(from, this.#buffers[target]!, { length, stride: length });
  }

  truncate(lane: number, length: number): void {
    checkHeld(lane, this.length(lane), length);
    this.#relayout(lane, length);
  }

  [Symbol.dispose](): void {
    this.#device[Symbol.dispose]();
  }

  /** Changes the stride of the heads, by way of the spare buffers; tokens that are added hold nothing valid. */
  #relayout(lane: number, length: number): void {
    const old = this.#lengths[lane]!;
    if (length === old) return;
    const kept = Math.min(old, length);
    if (kept === 0) {
      this.#lengths[lane] = length;
      return;
    }
    this.#copy({ buffers: this.#buffers[lane]!, stride: old }, this.#spare, { length: kept, stride: length });
    this.adopt(lane, length);
  }

  #copy(
    source: { readonly buffers: readonly DeviceTensor[]; readonly stride: number },
    target: readonly DeviceTensor[],
    { length, stride }: { readonly length: number; readonly stride: number },
  ): void {
    this.#at(source.buffers, source.stride, (from) => {
      this.#at(target, stride, (to) => {
        this.#device.transfer.copy(from, to, length);
      });
    });
  }

  /** Does something with buffers as planes [1, kvHeads, length, headDim]. */
  #at<T>(buffers: readonly DeviceTensor[], length: number, work: (place: KvPlace) => T): T {
    const planes = this.#device.view(buffers, 1, length);
    try {
      return work({ planes, row: 0 });
    } finally {
      for (const plane of planes) plane[Symbol.dispose]();
    }
  }
}
