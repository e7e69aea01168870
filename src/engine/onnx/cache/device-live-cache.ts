import { PlacedKvMemory } from "../../../kvcache/placed-kv-memory.ts";
import type { RowWindow } from "../../../kvcache/placed-kv-memory.ts";
import type { DecoderGraph } from "../graphs/decoder-graph.ts";
import { DeviceKvRows } from "./device-kv-rows.ts";
import { DevicePlanes } from "./device-planes.ts";
import type { LiveCache, LiveCacheSize } from "./live-cache.ts";
import type { DeviceTensor } from "../ort/device-memory.ts";
import type { Session } from "../ort/session.ts";

/**
 * The live cache on a device. A tensor over part of a plane has to begin at its start (WebGPU names buffers, not
 * addresses), so the lanes of a batch are brought into the first rows, by trading places with what is there. Lanes
 * that stay together stay where they are.
 */
export class DeviceLiveCache implements LiveCache {
  readonly memory: PlacedKvMemory;
  readonly #device: DevicePlanes;
  readonly #planes: readonly DeviceTensor[];
  readonly #capacity: number;

  /**
   * All zeros: to attention, K/V that is masked counts for nothing only if it is a number.
   * @throws Error when the device has no room, or cannot move K/V
   */
  constructor(session: Session, graph: DecoderGraph, { lanes, capacity }: LiveCacheSize) {
    this.#device = new DevicePlanes(session, graph);
    this.#capacity = capacity;
    try {
      this.#planes = this.#device.allocate(lanes, capacity);
      const { transfer } = this.#device;
      transfer.clear(this.#planes);
      this.memory = new PlacedKvMemory(new DeviceKvRows(this.#planes, transfer));
    } catch (error) {
      this.#device[Symbol.dispose]();
      throw error;
    }
  }

  place(lanes: readonly number[]): RowWindow {
    const window = { first: 0, count: lanes.length };
    this.memory.gather(lanes, window);
    return window;
  }

  rows({ first, count }: RowWindow): DeviceTensor[] {
    if (first !== 0) throw new Error("a tensor begins at the first row of a plane");
    return this.#device.view(this.#planes, count, this.#capacity);
  }

  [Symbol.dispose](): void {
    this.#device[Symbol.dispose]();
  }
}
