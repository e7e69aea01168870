import { describe, expect, it } from "vitest";
import { adviseOnDevice } from "../../../../src/engine/onnx/device-failure.ts";

// What ONNX Runtime and V8 say, word for word.
describe("advice on a device that cannot be used", () => {
  it.each([
    [
      "cuda",
      "Failed to load library /app/libonnxruntime_providers_cuda.so with error: libcublasLt.so.13: cannot open shared object file: No such file or directory",
      /needs libcublasLt\.so\.13.*LD_LIBRARY_PATH/,
    ],
    [
      "cuda",
      "Failed to load shared library libonnxruntime_providers_shared.so: cannot open shared object file",
      /provider is not installed\. Run: ONNXRUNTIME_NODE_INSTALL/,
    ],
    ["cuda", "CUDA failure 100: no CUDA-capable device is detected", /no CUDA device/],
    ["cpu", "Array buffer allocation failed", /too little memory.*--lanes/],
    ["cpu", "Invalid typed array length: undefined", /too little memory.*--lanes/],
    ["webgpu", "Failed to get a WebGPU adapter", /no GPU that WebGPU can use/],
    ["webgpu", "WebGPU device was lost", /was lost/],
  ] as const)("on %s: %s", (device, reason, advice) => {
    expect(adviseOnDevice(device, reason)).toMatch(advice);
  });

  it("leaves what it does not know to whoever asked", () => {
    expect(adviseOnDevice("cuda", "Protobuf parsing failed.")).toBeUndefined();
  });
});
