import type { DecoderGraph } from "../graphs/decoder-graph.ts";
import { widenFloat16 } from "../graphs/float16.ts";
import { GraphWriter } from "../graphs/graph-writer.ts";
import type { Device, DeviceMemory, DeviceTensor } from "../ort/device-memory.ts";
import { elementTypes } from "../ort/element-type.ts";
import type { IoBinding } from "../ort/io-binding.ts";
import { Session } from "../ort/session.ts";
import { byteLength, HostTensor } from "../ort/tensor.ts";
import type { Tensor } from "../ort/tensor.ts";

/** What logits look like, of the largest pass. */
export interface LogitsSize extends Pick<DecoderGraph, "logitsType" | "vocabularySize"> {
  /** Rows of logits. */
  readonly tokens: number;
}

/** Room for the logits of the largest pass, [tokens, vocabularySize]. */
export interface LogitsMemory extends Disposable {
  readonly size: LogitsSize;
  readonly device: Device;
  /** A tensor of the given shape over the rows from one on; the caller releases it. */
  tensor(firstRow: number, shape: readonly number[]): Tensor;
  /** A row's logits. Borrowed: valid until the next pass. */
  read(row: number): Float32Array;
}

export class HostLogitsMemory implements LogitsMemory {
  readonly device = "cpu";
  readonly size: LogitsSize;
  readonly #tensor: HostTensor;
  /** Where halves are widened to; float32 logits are looked at where they stand. */
  readonly #widened: Float32Array | undefined;

  constructor(size: LogitsSize) {
    const { logitsType, tokens, vocabularySize } = size;
    this.size = size;
    this.#tensor = HostTensor.zeros(logitsType, [tokens, vocabularySize]);
    this.#widened = logitsType === "float16" ? new Float32Array(tokens * vocabularySize) : undefined;
  }

  tensor(firstRow: number, shape: readonly number[]): HostTensor {
    const rowBytes = byteLength(this.#tensor.type, [this.size.vocabularySize]);
    return HostTensor.over(this.#tensor, firstRow * rowBytes, shape);
  }

  read(row: number): Float32Array {
    const { vocabularySize } = this.size;
    const start = row * vocabularySize;
    const end = start + vocabularySize;
    if (this.#widened === undefined) return this.#tensor.asFloat32().subarray(start, end);
    const target = this.#widened.subarray(start, end);
    widenFloat16(this.#tensor.asUint16().subarray(start, end), target);
    return target;
  }

  [Symbol.dispose](): void {
    this.#tensor[Symbol.dispose]();
  }
}

/** Logits that stay on the device that computed them: a row comes to the host when a draw asks for it. */
export class DeviceLogitsMemory implements LogitsMemory {
  readonly device: Device;
  readonly size: LogitsSize;
  readonly #memory: DeviceMemory;
  readonly #tensor: DeviceTensor;
  readonly #reader: Session;
  readonly #reading: IoBinding;

  /** @throws Error when the device has no room, or cannot read a row */
  constructor(session: Session, size: LogitsSize) {
    const { device } = session;
    this.device = device;
    this.size = size;
    this.#memory = session.openMemory();
    this.#tensor = this.#memory.allocate(size.logitsType, [size.tokens, size.vocabularySize]);
    this.#reader = new Session(rowGraph(size), { device, threads: 1, isWhole: true });
    this.#reading = this.#reader.createBinding();
  }

  tensor(firstRow: number, shape: readonly number[]): DeviceTensor {
    if (firstRow !== 0) throw new Error("a tensor on a device begins at the first row");
    return this.#memory.over(this.#tensor, shape);
  }

  read(row: number): Float32Array {
    using start = HostTensor.integers([row]);
    using end = HostTensor.integers([row + 1]);
    using values = HostTensor.zeros("float32", [1, this.size.vocabularySize]);
    this.#reading.bindInput("logits", this.#tensor);
    this.#reading.bindInput("start", start);
    this.#reading.bindInput("end", end);
    this.#reading.bindOutput("row", values);
    this.#reader.runSync(this.#reading);
    this.#reading.clear();
    return values.asFloat32();
  }

  [Symbol.dispose](): void {
    for (const owned of [this.#reading, this.#reader, this.#tensor, this.#memory]) owned[Symbol.dispose]();
  }
}

/** row = float32(logits[start:end]) */
function rowGraph({ logitsType, vocabularySize }: LogitsSize): Uint8Array {
  const graph = new GraphWriter("row");
  graph.input("logits", logitsType, ["tokens", vocabularySize]);
  graph.input("start", "int64", [1]);
  graph.input("end", "int64", [1]);
  graph.integers("axis_0", [0]);
  graph.node("Slice", ["logits", "start", "end", "axis_0"], ["slice"]);
  graph.node("Cast", ["slice"], ["row"], { to: elementTypes.float32.code });
  graph.output("row", "float32", [1, vocabularySize]);
  return graph.encode();
}
