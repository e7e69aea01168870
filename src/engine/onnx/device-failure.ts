import type { Device } from "./ort/session.ts";

/** What to do about a device that cannot be used, by what the runtime says; `undefined` when it is something else. */
export function adviseOnDevice(device: Device, reason: string): string | undefined {
  if (/out of memory|bad_alloc|failed to allocate|OOM|not enough memory/i.test(reason)) {
    return `Device '${device}' has too little memory. Fewer --lanes, a shorter --context or a smaller --dtype need less; metropolis models inspect says how much`;
  }
  if (device === "cuda" && /load (shared )?library|providers_(shared|cuda)/i.test(reason)) {
    return "The CUDA provider is not installed. Run: ONNXRUNTIME_NODE_INSTALL=cuda12 npm rebuild onnxruntime-node --ignore-scripts=false (it needs CUDA 12 and cuDNN 9; docs/models.md)";
  }
  if (
    device === "cuda" &&
    /no CUDA-capable device|CUDA driver version|cudaGetDevice|CUDA failure/i.test(reason)
  ) {
    return "There is no CUDA device, or its driver is older than CUDA 12. nvidia-smi shows what there is";
  }
  if (device === "webgpu" && /adapter/i.test(reason)) {
    return "There is no GPU that WebGPU can use: it needs a driver for Vulkan, Metal or Direct3D 12 (docs/models.md)";
  }
  return undefined;
}
