import { HostKvRows } from "../../../kvcache/host-kv-rows.ts";
import { PlacedKvMemory } from "../../../kvcache/placed-kv-memory.ts";
import type { RowWindow } from "../../../kvcache/placed-kv-memory.ts";
import type { DecoderGraph } from "../graphs/decoder-graph.ts";
import { elementTypes } from "../ort/element-type.ts";
import { byteLength, HostTensor } from "../ort/tensor.ts";
import type { LiveCache, LiveCacheSize } from "./live-cache.ts";
import { WindowChooser } from "./window-chooser.ts";

/** The live cache in host memory: a tensor may begin at any row. */
export class HostLiveCache implements LiveCache {
  readonly memory: PlacedKvMemory;
  readonly #windows = new WindowChooser();
  readonly #planes: readonly HostTensor[];
  readonly #rowShape: readonly number[];
  readonly #rowBytes: number;

  constructor({ planes, kvHeads, headDim, cacheType }: DecoderGraph, { lanes, capacity }: LiveCacheSize) {
    this.#rowShape = [kvHeads, capacity, headDim];
    this.#rowBytes = byteLength(cacheType, this.#rowShape);
    this.#planes = planes.map(() => HostTensor.zeros(cacheType, [lanes, ...this.#rowShape]));
    const rows = new HostKvRows({
      planes: this.#planes.map(({ bytes }) => bytes),
      count: lanes,
      heads: kvHeads,
      capacity,
      vectorBytes: headDim * elementTypes[cacheType].bytes,
    });
    this.memory = new PlacedKvMemory(rows);
  }

  place(lanes: readonly number[]): RowWindow {
    const window = this.#windows.choose(lanes.map((lane) => this.memory.rowOf(lane)));
    this.memory.gather(lanes, window);
    return window;
  }

  rows({ first, count }: RowWindow): HostTensor[] {
    const shape = [count, ...this.#rowShape];
    return this.#planes.map((plane) => HostTensor.over(plane, first * this.#rowBytes, shape));
  }

  [Symbol.dispose](): void {
    for (const plane of this.#planes) plane[Symbol.dispose]();
  }
}
