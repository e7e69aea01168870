import { ort } from "./api.ts";
import type { Pointer } from "./api.ts";
import { elementTypes } from "./element-type.ts";
import type { ElementType } from "./element-type.ts";
import { create } from "./status.ts";

const deviceAllocator = 0;
const defaultMemory = 0;

let cpuMemory: Pointer | undefined;

function cpuMemoryInfo(): Pointer {
  cpuMemory ??= create(ort().CreateCpuMemoryInfo, deviceAllocator, defaultMemory);
  return cpuMemory;
}

/** What can be bound, wherever it stands. */
export interface Tensor extends Disposable {
  readonly type: ElementType;
  readonly shape: readonly number[];
  readonly value: Pointer;
}

/**
 * A tensor in host memory. Owns its buffer: the native side only borrows it, and V8 would collect a buffer that
 * JavaScript does not touch again while a pass still reads it.
 */
export class HostTensor implements Tensor {
  readonly type: ElementType;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
  readonly value: Pointer;
  #isReleased = false;

  private constructor(type: ElementType, shape: readonly number[], bytes: Uint8Array) {
    this.type = type;
    this.shape = shape;
    this.bytes = bytes;
    this.value = create(
      ort().CreateTensorWithDataAsOrtValue,
      cpuMemoryInfo(),
      bytes,
      bytes.byteLength,
      shape.map(BigInt),
      shape.length,
      elementTypes[type].code,
    );
  }

  /** A tensor of zeros with a buffer of its own. */
  static zeros(type: ElementType, shape: readonly number[]): HostTensor {
    // V8 keeps small typed arrays on its heap, where they move; an explicit buffer stays where it is.
    return new HostTensor(type, shape, new Uint8Array(new ArrayBuffer(byteLength(type, shape))));
  }

  /** A tensor of int64 with a buffer of its own. */
  static integers(values: readonly number[], shape: readonly number[] = [values.length]): HostTensor {
    const tensor = HostTensor.zeros("int64", shape);
    tensor.asBigInt64().set(values.map(BigInt));
    return tensor;
  }

  /** A tensor over part of another one's buffer, which it keeps alive. */
  static over(owner: HostTensor, byteOffset: number, shape: readonly number[]): HostTensor {
    const start = owner.bytes.byteOffset + byteOffset;
    const bytes = new Uint8Array(owner.bytes.buffer, start, byteLength(owner.type, shape));
    return new HostTensor(owner.type, shape, bytes);
  }

  /** A tensor over the first bytes of a buffer, which it keeps alive. */
  static of(type: ElementType, shape: readonly number[], bytes: Uint8Array): HostTensor {
    return new HostTensor(type, shape, bytes.subarray(0, byteLength(type, shape)));
  }

  asFloat32(): Float32Array {
    return new Float32Array(this.bytes.buffer, this.bytes.byteOffset, this.bytes.byteLength / 4);
  }

  asInt32(): Int32Array {
    return new Int32Array(this.bytes.buffer, this.bytes.byteOffset, this.bytes.byteLength / 4);
  }

  asUint16(): Uint16Array {
    return new Uint16Array(this.bytes.buffer, this.bytes.byteOffset, this.bytes.byteLength / 2);
  }

  asBigInt64(): BigInt64Array {
    return new BigInt64Array(this.bytes.buffer, this.bytes.byteOffset, this.bytes.byteLength / 8);
  }

  [Symbol.dispose](): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    ort().ReleaseValue(this.value);
  }
}

export function byteLength(type: ElementType, shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, elementTypes[type].bytes);
}
