import { describe, expect, it } from "vitest";
import { graphOf } from "../support/exported-model.ts";
import { runCommand } from "../support/server-process.ts";
import { gpu } from "../support/gpu.ts";
import { servedAbacus } from "../support/fake-servers/abacus.ts";
import { FakeVllm } from "../support/fake-servers/vllm.ts";
import type { FakeVllmOptions } from "../support/fake-servers/vllm.ts";

describe("metropolis doctor", () => {
  it("says what there is, and which devices work", async () => {
    const { code, output } = await runCommand(["doctor"], { VK_ICD_FILENAMES: "/nowhere.json" });
    expect(output).toMatch(/runtime +ONNX Runtime 1\.\d+\.\d+, built with .*CPUExecutionProvider/);
    expect(output).toMatch(/^tools +refused: the chat template shows the model none/m);
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

describe("metropolis doctor --engine vllm", () => {
  async function examine(options: FakeVllmOptions, ...more: string[]) {
    await using fake = await new FakeVllm(await servedAbacus(), options).start();
    return await runCommand(["doctor", "--engine", "vllm", "--engine-url", fake.url, ...more]);
  }

  it("says what a server can do", async () => {
    const { code, output } = await examine({ isScaleOut: true });
    expect(output).toMatch(/^server +vllm 0\.0\.0\+fake at http:/m);
    expect(output).toMatch(/^tokenizer +makes the same tokens as --model$/m);
    expect(output).toMatch(/^log-probs +of the model itself \(measured\)$/m);
    expect(output).toMatch(/^likeliest +18 at most$/m);
    expect(output).toMatch(/^aborts +a call that is closed is drawn no further$/m);
    expect(output).toMatch(/^cache +does not tell; --enable-prompt-tokens-details/m);
    expect(output).toMatch(/^tools +refused: the chat template shows the model none/m);
    expect(output).toMatch(/^held +to nothing: .*strict tools/m);
    expect(output).toMatch(/^verdict +usable/m);
    expect(code).toBe(0);
  });

  it("says it to programs, and measures log-probs instead of asking", async () => {
    const { code, output } = await examine(
      { logprobsMode: "processed_logprobs", maxLogprobs: 6, cachedTokens: 8 },
      "--json",
    );
    expect(JSON.parse(output)).toMatchObject({
      verdict: "usable",
      server: { dialect: "vllm", version: "0.0.0+fake" },
      model: { name: "abacus", contextLength: 256, vocabularySize: 18 },
      can: {
        tokenizer: "agrees",
        logprobs: "sampled",
        mostTop: 6,
        tokenIds: true,
        prefixCache: true,
        constraints: false,
      },
      tools: { refused: expect.stringContaining("--chat-template") as unknown },
    });
    expect(code).toBe(0);
  });

  it.each<[string, FakeVllmOptions, RegExp]>([
    ["numbers that are no log-probs", { logprobsMode: "raw_logits" }, /--logprobs-mode raw_logprobs/],
    ["no likeliest tokens", { maxLogprobs: 0 }, /--max-logprobs 20/],
    ["a truncation that nothing switches off", { overrides: { top_k: 2 } }, /refused/],
    ["the same tokens for every seed", { overrides: { seed: 1 } }, /must pass on temperature, .*seed/],
  ])("fails for a server with %s, with what mends it", async (_, options, mends) => {
    const text = await examine(options);
    expect(text.output).toMatch(/^verdict +refused\. /m);
    expect(text.output).toMatch(mends);
    expect(text.code).toBe(1);
    const { verdict, reason } = JSON.parse((await examine(options, "--json")).output) as Record<
      string,
      string
    >;
    expect(verdict).toBe("refused");
    expect(text.output).toContain(reason);
  });

  it("refuses what is about models in this process, and --json without a server", async () => {
    expect((await examine({}, "--device", "cpu")).output).toMatch(/error: --device is about a model in this/);
    expect((await examine({}, "--compare", "other")).output).toMatch(/error: --compare is about models in/);
    expect((await examine({}, "--text", "file")).output).toMatch(/error: --text is about models in this/);
    expect((await runCommand(["doctor", "--json"])).output).toMatch(/error: --json is about a server/);
  });
});
