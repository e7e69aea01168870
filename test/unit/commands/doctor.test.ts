import { describe, expect, it } from "vitest";
import { agrees } from "../../../src/commands/doctor.ts";
import { adviseOnDevice } from "../../../src/engine/onnx/device-failure.ts";

const logits = (...values: number[]) => ({ logits: Float32Array.from(values) });

describe("agrees", () => {
  it.each([
    [logits(1, -8, 3), true],
    [logits(1.1, -8.1, 3.2), true],
    [logits(1, -8, 3.5), false],
    [logits(1, NaN, 3), false],
    [logits(1, -Infinity, 3), false],
  ])("takes %j for 1, -8, 3: %s", (trial, expected) => {
    expect(agrees(trial, logits(1, -8, 3))).toBe(expected);
  });
});

describe("adviseOnDevice", () => {
  it.each([
    [
      "cuda",
      "OrtSessionOptionsAppendExecutionProvider_Cuda: Failed to load shared library",
      /not installed.*Run/,
    ],
    [
      "cuda",
      "Failed to load library libonnxruntime_providers_cuda.so with error: libcudnn.so.9: cannot open shared object file",
      /does not find libcudnn\.so\.9\. Install/,
    ],
    [
      "cuda",
      "Failed to load library /app/libonnxruntime_providers_shared.so with error: /app/libonnxruntime_providers_shared.so: cannot open shared object file",
      /not installed.*Run/,
    ],
    ["webgpu", "vkAllocateMemory failed with VK_ERROR_OUT_OF_DEVICE_MEMORY", /too little memory/],
    ["cpu", "Load model from /models/bloom-560m/model.onnx failed", undefined],
    // V8's words, where the cache stands on the host.
    ["cpu", "Array buffer allocation failed", /too little memory.*--lanes/],
    ["cuda", "Invalid typed array length: undefined", /too little memory.*--lanes/],
    ["cuda", "CUDA failure 100: no CUDA-capable device is detected", /no CUDA device/],
    ["cuda", "CUDA error: out of memory", /too little memory.*--lanes.*--context/],
    ["webgpu", "Failed to get a WebGPU adapter: No supported adapters", /Vulkan, Metal/],
    [
      "webgpu",
      "Program Gather requires f16 but the device does not support it.",
      /no half precision.*--dtype q4 or fp32/,
    ],
    ["cpu", "std::bad_alloc", /too little memory/],
    ["webgpu", "WebGPU device lost (2): vkQueueSubmit failed with VK_ERROR_DEVICE_LOST", /'webgpu' was lost/],
    ["webgpu", "Failed to download data from buffer. wgpu::MapAsyncStatus value: 3", /'webgpu' was lost/],
    ["cuda", "CUDA failure 719: unspecified launch failure ; GPU=0", /'cuda' was lost/],
    ["cpu", "Protobuf parsing failed", undefined],
  ] as const)("knows what to do on %s about: %s", (device, reason, expected) => {
    const advice = adviseOnDevice(device, reason);
    if (expected === undefined) expect(advice).toBeUndefined();
    else expect(advice).toMatch(expected);
  });
});
