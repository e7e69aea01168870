import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { ChatTemplate } from "../../../src/decoder/chat-template.ts";
import { recognizeToolFormat } from "../../../src/decoder/recognize-tool-format.ts";
import type { ToolFormat } from "../../../src/tools/tool-format.ts";

const root = new URL("../../../", import.meta.url);
const read = (path: string): ToolFormat | undefined =>
  recognizeToolFormat(
    new ChatTemplate(readFileSync(fileURLToPath(new URL(path, root)), "utf8"), {
      bos_token: "<s>",
      eos_token: "</s>",
    }),
  );
const fixture = (name: string): ToolFormat | undefined => read(`test/fixtures/jinja/templates/${name}.jinja`);

const hermes: ToolFormat = {
  before: "<tool_call>\n",
  between: "\n</tool_call>\n<tool_call>\n",
  after: "\n</tool_call>",
  call: { type: "object", argumentsKey: "arguments" },
  hasShortIds: false,
};
const llama3: ToolFormat = {
  before: "",
  between: undefined,
  after: "",
  call: { type: "object", argumentsKey: "parameters" },
  hasShortIds: false,
};
const mistral: ToolFormat = {
  before: "[TOOL_CALLS][",
  between: ", ",
  after: "]",
  call: { type: "object", argumentsKey: "arguments" },
  hasShortIds: true,
};

describe("the form of calls", () => {
  it.each([
    "NousResearch-Hermes-2-Pro-Llama-3-8B-tool_use",
    "NousResearch-Hermes-3-Llama-3.1-8B-tool_use",
    "Qwen-QwQ-32B",
    "qwen2_5",
    "qwen3",
    "qwen3_instruct_2507",
    "qwen3_vl",
    "ibm-granite-granite-4.0",
  ])("of %s is that of Hermes", (name) => {
    expect(fixture(name)).toEqual(hermes);
  });

  it("of the template that comes with the server is that of Hermes", () => {
    expect(read("templates/chatml-tools.jinja")).toEqual(hermes);
  });

  it.each(["llama3_1", "llama3_2", "meta-llama-Llama-3.3-70B-Instruct"])("of %s is Llama 3's", (name) => {
    expect(fixture(name)).toEqual(llama3);
  });

  it.each([
    ["mistralai-Mistral-Nemo-Instruct-2407", mistral],
    ["mistral_v3_tekken", mistral],
    ["mistral_v2v3", { ...mistral, before: "[TOOL_CALLS] [" }],
    [
      "mistralai-Ministral-3-14B-Reasoning-2512",
      {
        before: "[TOOL_CALLS]",
        between: "[TOOL_CALLS]",
        after: "",
        call: { type: "named", idSeparator: undefined, separator: "[ARGS]" },
        hasShortIds: false,
      },
    ],
    [
      "Mistral-Small-3.2-24B-Instruct-2506",
      {
        before: "[TOOL_CALLS]",
        between: "[TOOL_CALLS]",
        after: "",
        call: { type: "named", idSeparator: "[CALL_ID]", separator: "[ARGS]" },
        hasShortIds: true,
      },
    ],
  ] satisfies [string, ToolFormat][])("of %s is one of Mistral's", (name, format) => {
    expect(fixture(name)).toEqual(format);
  });

  it.each([
    ["that shows no tools", "chatml"],
    ["that shows no tools, though it writes calls", "deepseek-ai-DeepSeek-V3.1"],
    ["that writes calls as XML", "Qwen3-Coder"],
    ["that writes calls as pairs of tags", "GLM-4.6"],
    ["that takes messages alone", "alpaca"],
  ])("is unknown of a template %s", (_, name) => {
    expect(fixture(name)).toBeUndefined();
  });

  it("is unknown of a template that refuses whatever it is given", () => {
    const template = new ChatTemplate("{{ raise_exception('no') }}", {});
    expect(recognizeToolFormat(template)).toBeUndefined();
  });
});
