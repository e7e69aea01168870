import type { KvMemory } from "../../kvcache/kv-memory.ts";
import type { Batch } from "../runner.ts";
import type { DecoderGraph } from "./decoder-graph.ts";
import { DeviceKvMemory } from "./device-kv-memory.ts";
import { KvTransfer } from "./kv-transfer.ts";
import type { LiveCache, LiveCacheSize, Placement } from "./live-cache.ts";
import type { DeviceMemory, DeviceTensor } from "./ort/device-memory.ts";
import type { Session } from "./ort/session.ts";

/**
 * The live cache on a device. A tensor over part of a plane has to begin at its start (WebGPU names buffers, not
 * addresses), so the lanes of a batch are brought into the first rows, by trading places with what is there. Lanes
 * that stay together stay where they are.
 */
export class DeviceLiveCache implements LiveCache {
  readonly #memory: DeviceKvMemory;
  readonly #device: DeviceMemory;
  readonly #planes: readonly DeviceTensor[];
  readonly #owned: Disposable[] = [];

  /**
   * Its contents are not set.
   * @throws Error when the device has no room, or cannot move K/V
   */
  constructor(session: Session, graph: DecoderGraph, { lanes, capacity }: LiveCacheSize) {
    const { planes, kvHeads, headDim, cacheType } = graph;
    try {
      const device = this.#own(session.openMemory());
      const shape = [lanes, kvHeads, capacity, headDim];
      this.#planes = planes.map(() => this.#own(device.allocate(cacheType, shape)));
      const transfer = this.#own(new KvTransfer(session.device, graph, this.#planes));
      this.#memory = new DeviceKvMemory(graph, { lanes, capacity, device, transfer });
      this.#device = device;
      this.#memory.touch();
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  get memory(): KvMemory {
    return this.#memory;
  }

  clear(): void {
    this.#memory.clear();
  }

  place(batch: Batch): Placement {
    return { firstRow: 0, offsets: this.#memory.gather(batch) };
  }

  rows(firstRow: number, count: number): DeviceTensor[] {
    if (firstRow !== 0) throw new Error("a tensor begins at the first row of a plane");
    return this.#planes.map((plane) => this.#device.firstRows(plane, count));
  }

  [Symbol.dispose](): void {
    for (const owned of this.#owned.reverse()) owned[Symbol.dispose]();
    this.#owned.length = 0;
  }

  #own<T extends Disposable>(owned: T): T {
    this.#owned.push(owned);
    return owned;
  }
}

/**
 * Opens the cache on the session's device, all zeros.
 * @throws Error with a size that was seen to fit, where the one asked for does not
 */
export function openDeviceCache(session: Session, graph: DecoderGraph, size: LiveCacheSize): DeviceLiveCache {
  try {
    const cache = new DeviceLiveCache(session, graph, size);
    cache.clear();
    return cache;
  } catch (error) {
    const smaller = halvings(size).find((candidate) => fits(session, graph, candidate));
    const advice =
      smaller === undefined
        ? "not even one lane of one token fits"
        : `--lanes ${smaller.lanes} --context ${smaller.capacity} fits`;
    const [reason] = (error as Error).message.split("\n");
    throw new Error(
      `a cache of ${size.lanes} lanes x ${size.capacity} tokens cannot be had, ${advice}: ${reason}`,
      { cause: error },
    );
  }
}

/** Half the lanes down to one, then half the tokens. */
function halvings({ lanes, capacity }: LiveCacheSize): LiveCacheSize[] {
  const sizes: LiveCacheSize[] = [];
  for (let half = lanes >> 1; half >= 1; half >>= 1) sizes.push({ lanes: half, capacity });
  for (let half = capacity >> 1; half >= 1; half >>= 1) sizes.push({ lanes: 1, capacity: half });
  return sizes;
}

function fits(session: Session, graph: DecoderGraph, size: LiveCacheSize): boolean {
  try {
    new DeviceLiveCache(session, graph, size)[Symbol.dispose]();
    return true;
  } catch {
    return false;
  }
}
