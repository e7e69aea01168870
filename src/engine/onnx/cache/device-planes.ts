import { wholeOf } from "../../../kvcache/kv-memory.ts";
import type { DecoderGraph } from "../graphs/decoder-graph.ts";
import { KvTransfer } from "./kv-transfer.ts";
import type { DeviceMemory, DeviceTensor } from "../ort/device-memory.ts";
import type { Session } from "../ort/session.ts";

/** Planes of a cache in the memory of a session's device, and what moves K/V between them. */
export class DevicePlanes implements Disposable {
  readonly transfer: KvTransfer;
  readonly #graph: DecoderGraph;
  readonly #memory: DeviceMemory;
  readonly #tensors: DeviceTensor[] = [];

  /** @throws Error when the device cannot move K/V */
  constructor(session: Session, graph: DecoderGraph) {
    this.#graph = graph;
    this.#memory = session.openMemory();
    this.transfer = new KvTransfer(session.device, graph, this.#memory);
  }

  /**
   * One tensor [rows, kvHeads, capacity, headDim] per layer and side. Their contents are not set.
   * @throws Error when the device has no room
   */
  allocate(rows: number, capacity: number): readonly DeviceTensor[] {
    const { planes, kvHeads, headDim, cacheType } = this.#graph;
    const tensors = planes.map(() => {
      const tensor = this.#memory.allocate(cacheType, [rows, kvHeads, capacity, headDim]);
      this.#tensors.push(tensor);
      return tensor;
    });
    // WebGPU hands out buffers that it has no memory for, and says so when they are used.
    const zeros = new Uint8Array(this.transfer.bytesPerToken);
    const last = { planes: tensors, row: rows - 1 };
    this.transfer.write(last, capacity - 1, wholeOf({ length: 1, bytes: zeros }));
    return tensors;
  }

  /** Views [rows, kvHeads, length, headDim] over the start of each; the caller releases them. */
  view(planes: readonly DeviceTensor[], rows: number, length: number): DeviceTensor[] {
    const { kvHeads, headDim } = this.#graph;
    return planes.map((plane) => this.#memory.over(plane, [rows, kvHeads, length, headDim]));
  }

  [Symbol.dispose](): void {
    this.transfer[Symbol.dispose]();
    for (const tensor of this.#tensors) tensor[Symbol.dispose]();
    this.#memory[Symbol.dispose]();
  }
}
