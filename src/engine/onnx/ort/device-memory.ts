import { ort } from "./api.ts";
import type { Pointer } from "./api.ts";
import { elementTypes } from "./element-type.ts";
import type { ElementType } from "./element-type.ts";
import { create, readText } from "./status.ts";
import { byteLength } from "./tensor.ts";
import type { Tensor } from "./tensor.ts";

export const devices = ["cpu", "webgpu", "cuda"] as const;
/** Where a session runs its graph. */
export type Device = (typeof devices)[number];

/** What each provider calls its memory. */
export const memoryNames: Readonly<Record<Device, string>> = {
  cpu: "Cpu",
  webgpu: "WebGPU_Buf",
  cuda: "Cuda",
};

const deviceAllocator = 0;
const defaultMemory = 0;
const firstDevice = 0;

/** Memory of the device that a session runs on. Outlives its tensors, and goes before the session. */
export class DeviceMemory implements Disposable {
  readonly #info: Pointer;
  readonly #allocator: Pointer;
  #isReleased = false;

  constructor(session: Pointer, device: Device) {
    const name = memoryNames[device];
    this.#info = create(ort().CreateMemoryInfo, name, deviceAllocator, firstDevice, defaultMemory);
    this.#allocator = create(ort().CreateAllocator, session, this.#info);
  }

  /**
   * A tensor whose contents are not set.
   * @throws Error when the device has no room for it
   */
  allocate(type: ElementType, shape: readonly number[]): DeviceTensor {
    const size = shape.map(BigInt);
    const { code } = elementTypes[type];
    const value = create(ort().CreateTensorAsOrtValue, this.#allocator, size, size.length, code);
    return new DeviceTensor(value, type, shape);
  }

  /**
   * A tensor of another shape over the first bytes of one, which must outlive it. None can begin elsewhere: WebGPU
   * names a buffer, not an address.
   */
  over({ type, value }: DeviceTensor, shape: readonly number[]): DeviceTensor {
    const size = shape.map(BigInt);
    const data = create(ort().GetTensorMutableData, value);
    const args = [this.#info, data, byteLength(type, shape), size, size.length, elementTypes[type].code];
    return new DeviceTensor(create(ort().CreateTensorWithDataAsOrtValue, ...args), type, shape);
  }

  [Symbol.dispose](): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    ort().ReleaseAllocator(this.#allocator);
    ort().ReleaseMemoryInfo(this.#info);
  }
}

/** A tensor in device memory; the host sees only what a graph copies out of it. */
export class DeviceTensor implements Tensor {
  readonly value: Pointer;
  readonly type: ElementType;
  readonly shape: readonly number[];
  #isReleased = false;

  constructor(value: Pointer, type: ElementType, shape: readonly number[]) {
    this.value = value;
    this.type = type;
    this.shape = shape;
  }

  [Symbol.dispose](): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    ort().ReleaseValue(this.value);
  }
}

/** What ONNX Runtime calls the memory that a tensor stands in. */
export function memoryNameOf({ value }: Tensor): string {
  return readText(ort().MemoryInfoGetName, create(ort().GetTensorMemoryInfo, value));
}
