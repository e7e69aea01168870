import { devices } from "../../src/engine/onnx/ort/device-memory.ts";
import type { Device } from "../../src/engine/onnx/ort/device-memory.ts";

const named = process.env.METROPOLIS_TEST_DEVICE;

/**
 * The GPU of test/gpu: the device that METROPOLIS_TEST_DEVICE names, or WebGPU where VK_ICD_FILENAMES names a driver,
 * be it a software one as in .ci/run.
 */
export const gpu: Device | undefined =
  devices.find((device) => device === named) ??
  (process.env.VK_ICD_FILENAMES === undefined ? undefined : "webgpu");
