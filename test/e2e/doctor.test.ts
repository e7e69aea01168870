import { describe, expect, it } from "vitest";
import { graphOf } from "../support/exported-model.ts";
import { runCommand } from "../support/server-process.ts";
import { gpu } from "../support/gpu.ts";

describe("metropolis doctor", () => {
  it("says what there is, and which devices work", async () => {
    const { code, output } = await runCommand(["doctor"], { VK_ICD_FILENAMES: "/nowhere.json" });
    expect(output).toMatch(/runtime +ONNX Runtime 1\.\d+\.\d+, built with .*CPUExecutionProvider/);
    expect(output).toMatch(/bandwidth +\d+\.\d GB\/s/);
    expect(output).toMatch(/^cpu +works: ready in \d+ ms, \d+\.\d\d ms a step/m);
    expect(output).toMatch(/^cuda +(cannot be used\. .*docs\/models\.md|works: .*agrees)/m);
    expect(code).toBe(0);
  });

  it("fails when the device asked for cannot be used", async () => {
    const model = graphOf("optimum-llama-fp32").replace("/model.onnx", "");
    const { code, output } = await runCommand(["doctor", "--device", "webgpu", "--model", model], {
      VK_ICD_FILENAMES: "/nowhere.json",
    });
    // Where there is a GPU all the same, it must agree.
    if (code === 0) expect(output).toMatch(/webgpu +works: .*agrees with the cpu/);
    else expect(output).toMatch(/error: .*There is no GPU that WebGPU can use/);
    expect(output).not.toMatch(/^cuda/m);
  });

  it.skipIf(gpu !== "webgpu")("sees a software GPU agree with the CPU", async () => {
    const { code, output } = await runCommand(["doctor", "--device", "webgpu"]);
    expect(output).toMatch(/webgpu +works: .*agrees with the cpu/);
    expect(code).toBe(0);
  });
});
