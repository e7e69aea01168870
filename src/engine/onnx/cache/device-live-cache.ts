import type { KvMemory } from "../../../kvcache/kv-memory.ts";
import type { Batch } from "../../local/runner.ts";
import type { DecoderGraph } from "../graphs/decoder-graph.ts";
import { DeviceKvMemory } from "./device-kv-memory.ts";
import { DevicePlanes } from "./device-planes.ts";
import type { LiveCache, LiveCacheSize, Placement } from "./live-cache.ts";
import type { DeviceTensor } from "../ort/device-memory.ts";
import type { Session } from "../ort/session.ts";

/**
 * The live cache on a device. A tensor over part of a plane has to begin at its start (WebGPU names buffers, not
 * addresses), so the lanes of a batch are brought into the first rows, by trading places with what is there. Lanes
 * that stay together stay where they are.
 */
export class DeviceLiveCache implements LiveCache {
  readonly #memory: DeviceKvMemory;
  readonly #device: DevicePlanes;
  readonly #planes: readonly DeviceTensor[];
  readonly #capacity: number;

  /**
   * All zeros.
   * @throws Error when the device has no room, or cannot move K/V
   */
  constructor(session: Session, graph: DecoderGraph, { lanes, capacity }: LiveCacheSize) {
    this.#device = new DevicePlanes(session, graph);
    this.#capacity = capacity;
    try {
      this.#planes = this.#device.allocate(lanes, capacity);
      const { transfer } = this.#device;
      this.#memory = new DeviceKvMemory({ lanes, capacity, planes: this.#planes, transfer });
      this.#memory.clear();
    } catch (error) {
      this.#device[Symbol.dispose]();
      throw error;
    }
  }

  get memory(): KvMemory {
    return this.#memory;
  }

  place(batch: Batch): Placement {
    return { firstRow: 0, offsets: this.#memory.gather(batch) };
  }

  rows(firstRow: number, count: number): DeviceTensor[] {
    if (firstRow !== 0) throw new Error("a tensor begins at the first row of a plane");
    return this.#device.view(this.#planes, count, this.#capacity);
  }

  [Symbol.dispose](): void {
    this.#device[Symbol.dispose]();
  }
}
