import { HostKvMemory } from "../../../kvcache/host-kv-memory.ts";
import type { KvMemory } from "../../../kvcache/kv-memory.ts";
import type { Batch } from "../../local/runner.ts";
import type { DecoderGraph } from "../graphs/decoder-graph.ts";
import { elementTypes } from "../ort/element-type.ts";
import { byteLength, HostTensor } from "../ort/tensor.ts";
import type { Tensor } from "../ort/tensor.ts";

/** Where a batch stands in the planes of the live cache. */
export interface Placement {
  readonly firstRow: number;
  /** Of each row of the batch, how far it stands from there. */
  readonly offsets: readonly number[];
}

/** One tensor [rows, kvHeads, capacity, headDim] per layer and side; a row holds a lane. */
export interface LiveCache extends Disposable {
  readonly memory: KvMemory;
  /** Brings the lanes of a batch into rows that a tensor can begin and end at. */
  place(batch: Batch): Placement;
  /** The given rows of every plane, in the order of the graph's planes. The caller releases them. */
  rows(firstRow: number, count: number): readonly Tensor[];
}

export interface LiveCacheSize {
  readonly lanes: number;
  /** Tokens per lane. */
  readonly capacity: number;
}

/** The live cache in host memory: a lane is the row of its number. */
export class HostLiveCache implements LiveCache {
  readonly memory: HostKvMemory;
  readonly #planes: readonly HostTensor[];
  readonly #laneShape: readonly number[];
  readonly #laneBytes: number;

  constructor({ planes, kvHeads, headDim, cacheType }: DecoderGraph, { lanes, capacity }: LiveCacheSize) {
    this.#laneShape = [kvHeads, capacity, headDim];
    this.#laneBytes = byteLength(cacheType, this.#laneShape);
    this.#planes = planes.map(() => HostTensor.zeros(cacheType, [lanes, ...this.#laneShape]));
    this.memory = new HostKvMemory({
      planes: this.#planes.map(({ bytes }) => bytes),
      lanes,
      heads: kvHeads,
      capacity,
      rowBytes: headDim * elementTypes[cacheType].bytes,
    });
  }

  place(batch: Batch): Placement {
    return { firstRow: batch[0]!.lane, offsets: [...batch.keys()] };
  }

  rows(firstRow: number, count: number): HostTensor[] {
    const shape = [count, ...this.#laneShape];
    return this.#planes.map((plane) => HostTensor.over(plane, firstRow * this.#laneBytes, shape));
  }

  [Symbol.dispose](): void {
    for (const plane of this.#planes) plane[Symbol.dispose]();
  }
}
