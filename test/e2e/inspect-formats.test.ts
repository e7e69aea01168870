import { copyFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import onnxProto from "onnx-proto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { layOutModel } from "../support/exported-model.ts";
import type { ExportedModel } from "../support/exported-model.ts";
import { runCommand } from "../support/server-process.ts";

const { onnx } = onnxProto;
const models = ["builder-llama-fp32", "builder-llama-int8", "builder-qwen2-int4"] as const;

describe("metropolis models inspect, of formats", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "metropolis-formats-"));
    for (const name of models) layOutModel(name, join(folder, name));
  });
  afterAll(() => rm(folder, { recursive: true }));

  const inspect = (name: ExportedModel, ...more: string[]) =>
    runCommand(["models", "inspect", join(folder, name), ...more]);

  it.each([
    ["builder-llama-fp32", [], /^products +fp32: log-probs repeat but for the rounding of sums$/m],
    ["builder-llama-int8", [], /^products +int8, as the file states: activations .*--int4-compute fp32/m],
    ["builder-qwen2-int4", ["--int4-compute", "fp32"], /^products +fp32: /m],
  ] as const)(
    "says what products of %s with %j are computed in, and what it may cost",
    async (name, more, expected) => {
      const { code, output } = await inspect(name, ...more);
      expect(output).toMatch(expected);
      expect(/^quality .*doctor --model .* --compare/m.test(output)).toBe(name !== "builder-llama-fp32");
      expect(code).toBe(0);
    },
  );

  it.each(models)("says what to expect of %s: memory, load, speed", async (name) => {
    const { code, output } = await inspect(name, "--threads", "1");
    expect(output).toMatch(
      /^memory +[\d.]+ MiB \+ [\d.]+ MiB for 16 lanes x \d+ tokens \(the model's whole context\); fits$/m,
    );
    expect(output).toMatch(/^ +4 x \d+: [\d.]+ MiB$/m);
    expect(output).toMatch(/^threads +1 \(as asked\)$/m);
    expect(output).toMatch(/^load +[\d.]+ s$/m);
    expect(output).toMatch(/^decode +1 at once: [\d.]+ ms a pass, [\d.]+ tokens\/s$/m);
    expect(output).toMatch(/^ +16 at once: [\d.]+ ms a pass/m);
    expect(output).toMatch(/^prompts +64 tokens: [\d.]+ ms a pass, [\d.]+ tokens\/s$/m);
    expect(code).toBe(0);
  });

  it("says how its chat template has it call tools, or that they are refused", async () => {
    const name = "builder-llama-int8";
    expect((await inspect(name, "--no-measure")).output).toMatch(/^tools +refused: /m);
    const template = fileURLToPath(new URL("../../templates/chatml-tools.jinja", import.meta.url));
    await copyFile(template, join(folder, name, "chat_template.jinja"));
    const text = await inspect(name, "--no-measure");
    expect(text.output).toMatch(
      /^tools +called by JSON between "<tool_call>" and "<\/tool_call>", several an answer$/m,
    );
    const { output } = await inspect(name, "--no-measure", "--json");
    const tools = { form: "object", opening: "<tool_call>", closing: "</tool_call>", several: true };
    expect(JSON.parse(output)).toMatchObject({ chat: true, tools });
  });

  it("tells programs the same", async () => {
    const { code, output } = await inspect("builder-llama-fp32", "--lanes", "4", "--json");
    expect(JSON.parse(output)).toMatchObject({
      form: "shared",
      quantized: false,
      products: "fp32",
      machine: { memory_bytes: expect.any(Number) as unknown },
      memory: {
        lanes: 4,
        fits: true,
        sizes: expect.arrayContaining([expect.objectContaining({ lanes: 64 })]) as unknown,
      },
      expected: {
        load_ms: expect.any(Number) as unknown,
        decode: [{ rows: 1 }, { rows: 2 }, { rows: 4, tokens_per_second: expect.any(Number) as unknown }],
        prefill: expect.arrayContaining([expect.objectContaining({ tokens: 64 })]) as unknown,
      },
    });
    expect(code).toBe(0);
  });

  it.each([
    [["--no-measure"], /^speed +not measured: --no-measure/m],
    [["--lanes", "99999999"], /^speed +not measured: it does not fit$/m],
  ])("loads nothing with %j", async (more, expected) => {
    const { code, output } = await inspect("builder-llama-fp32", ...more);
    expect(output).toMatch(expected);
    expect(code).toBe(0);
  });

  it("refuses a choice that a format does not have", async () => {
    const { code, output } = await inspect("builder-llama-fp32", "--int4-compute", "int8");
    expect(output).toMatch(/error: --int4-compute: .*no block-quantized weights/);
    expect(code).toBe(1);
  });

  it("reads graphs whose cache leaves the size of a head open, as newer builders write them", async () => {
    const path = join(folder, "builder-qwen2-int4", "model.onnx");
    const model = onnx.ModelProto.decode(await readFile(path));
    for (const { name, type } of [...model.graph!.input!, ...model.graph!.output!]) {
      const size = type?.tensorType?.shape?.dim?.[3];
      if (/^(past|present)/.test(name!)) Object.assign(size!, { dimValue: null, dimParam: "kv_cache_dim" });
    }
    await writeFile(path, onnx.ModelProto.encode(model).finish());
    const { code, output } = await inspect("builder-qwen2-int4");
    expect(output).toMatch(/^cache +\d+ layers x \d+ heads x \d+, float32: \d+ bytes a token$/m);
    expect(code).toBe(0);
  });
});
