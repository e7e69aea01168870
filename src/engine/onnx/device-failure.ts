import { InferenceError } from "../../core/errors.ts";
import type { Device } from "./ort/device-memory.ts";

/** What Dawn says of a lost device, or only that nothing can be read back; then CUDA's errors that end a context. */
const lost =
  /device (was |is )?lost|failed to download data from buffer|CUDA (error|failure).*(unspecified launch failure|illegal memory access|device-side assert|ECC|: (700|719)\b)/is;

const outOfMemory =
  /out[ _]of[ _](device[ _]|host[ _])?memory|bad_alloc|failed to allocate|array buffer allocation|typed array length|\bOOM\b|invalid due to a previous error/i;

/** A library that a provider needs, and the loader does not find; the runtime's own are the provider itself. */
const missingLibrary = /\b(lib(?!onnxruntime)[\w-]+\.so[.\d]*): cannot open shared object/;

/** What to do about a device that cannot be used, by what the runtime says; `undefined` when it is something else. */
export function adviseOnDevice(device: Device, reason: string): string | undefined {
  if (outOfMemory.test(reason)) {
    return `Device '${device}' has too little memory (${reason}). Fewer --lanes, a shorter --context or a smaller --dtype need less; metropolis models inspect says how much`;
  }
  if (lost.test(reason)) {
    return `Device '${device}' was lost, as when a driver is reset or a card is taken away (${reason})`;
  }
  const library = missingLibrary.exec(reason)?.[1];
  if (device === "cuda" && library !== undefined) {
    return `The CUDA provider does not find ${library}. Install the CUDA and cuDNN that it was built for, or put their folders into LD_LIBRARY_PATH (docs/models.md)`;
  }
  if (device === "cuda" && /load (shared )?library|providers_(shared|cuda)/i.test(reason)) {
    return "The CUDA provider is not installed. Run: metropolis doctor --install cuda (it needs CUDA and cuDNN 9; docs/models.md)";
  }
  if (
    device === "cuda" &&
    /no CUDA-capable device|CUDA driver version|cudaGetDevice|CUDA failure/i.test(reason)
  ) {
    return "There is no CUDA device, or its driver is older than the CUDA of the provider. nvidia-smi shows what there is";
  }
  if (device === "webgpu" && /requires f16|shader-f16/i.test(reason)) {
    return "This GPU, or its driver, has no half precision: use a graph whose cache is float32, such as --dtype q4 or fp32";
  }
  if (device === "webgpu" && /adapter/i.test(reason)) {
    return "There is no GPU that WebGPU can use: it needs a driver for Vulkan, Metal or Direct3D 12 (docs/models.md)";
  }
  return undefined;
}

/** The error of a failed pass, as callers get it: retryable, since the worker is replaced. */
export function passFailure(device: Device, error: unknown): InferenceError {
  const reason = (error as Error).message;
  const advice = adviseOnDevice(device, reason) ?? `ONNX Runtime failed: ${reason}`;
  return new InferenceError("engine_failed", advice, { cause: error });
}
