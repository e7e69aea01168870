import { CompactKvMemory } from "../../../kvcache/compact-kv-memory.ts";
import type { KvMemory } from "../../../kvcache/kv-memory.ts";
import type { DecoderGraph } from "../graphs/decoder-graph.ts";
import type { LiveCacheSize } from "./live-cache.ts";
import { elementTypes } from "../ort/element-type.ts";
import { HostTensor } from "../ort/tensor.ts";
import type { Tensor } from "../ort/tensor.ts";

/** A cache whose lanes hold exactly the tokens they have, as graphs that append by Concat want it. */
export interface ConcatCache extends Disposable {
  readonly memory: KvMemory;
  /**
   * The lane's planes, truncated to its first `length` tokens, [1, kvHeads, length, headDim]. The caller releases them.
   */
  past(lane: number, length: number): readonly Tensor[];
  /** Where the next K/V of some lane can be written, [1, kvHeads, length, headDim]. The caller releases them. */
  present(length: number): readonly Tensor[];
  /** Gives the lane what was written to {@link present}, and takes its own buffers for the next. */
  adopt(lane: number, length: number): void;
}

/** In host memory. */
export class HostConcatCache implements ConcatCache {
  readonly memory: CompactKvMemory;
  readonly #graph: DecoderGraph;

  constructor(graph: DecoderGraph, { lanes, capacity }: LiveCacheSize) {
    const { planes, kvHeads, headDim, cacheType } = graph;
    this.#graph = graph;
    this.memory = new CompactKvMemory({
      planes: planes.length,
      lanes,
      heads: kvHeads,
      capacity,
      vectorBytes: headDim * elementTypes[cacheType].bytes,
    });
  }

  past(lane: number, length: number): HostTensor[] {
    return this.#tensors(this.memory.head(lane, length), length);
  }

  present(length: number): HostTensor[] {
    return this.#tensors(this.memory.spare, length);
  }

  adopt(lane: number, length: number): void {
    this.memory.adopt(lane, length);
  }

  [Symbol.dispose](): void {
    // Its buffers are JavaScript's.
  }

  #tensors(buffers: readonly Uint8Array[], length: number): HostTensor[] {
    const { kvHeads, headDim, cacheType } = this.#graph;
    return buffers.map((bytes) => HostTensor.of(cacheType, [1, kvHeads, length, headDim], bytes));
  }
}
