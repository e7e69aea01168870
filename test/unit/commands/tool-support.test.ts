import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { describeToolSupport, findToolSupport } from "../../../src/commands/tool-support.ts";
import { ChatTemplate } from "../../../src/decoder/chat-template.ts";
import { LocalPromptEncoder } from "../../../src/decoder/prompts/local-prompt-encoder.ts";
import { byteTokenizerJson } from "../../support/byte-tokenizer.ts";

const root = new URL("../../../", import.meta.url);
const fixture = (name: string): string => `test/fixtures/jinja/templates/${name}.jinja`;

function promptsOf(template: string | undefined): LocalPromptEncoder {
  const source = template && readFileSync(fileURLToPath(new URL(template, root)), "utf8");
  const read = source === undefined ? undefined : new ChatTemplate(source, { bos_token: "", eos_token: "" });
  return new LocalPromptEncoder(() => byteTokenizerJson(), read);
}

describe("what is said of a model's tools", () => {
  it.each([
    [
      "templates/chatml-tools.jinja",
      'called by JSON between "<tool_call>" and "</tool_call>", several an answer',
    ],
    [fixture("llama3_1"), "called by JSON as the whole answer, one an answer"],
    [fixture("mistral_v3_tekken"), 'called by a list of JSON after "[TOOL_CALLS]", several an answer'],
    [
      fixture("mistralai-Ministral-3-14B-Reasoning-2512"),
      'called by a name with JSON behind it after "[TOOL_CALLS]", several an answer',
    ],
  ])("is the form of %s", async (template, words) => {
    expect(describeToolSupport(await findToolSupport(promptsOf(template)))).toBe(words);
  });

  it.each([
    [undefined, /^refused: the model has no chat template/],
    [fixture("chatml"), /^refused: the chat template shows the model none, .*--chat-template/],
    [fixture("Qwen3-Coder"), /^refused: .*form that is not known/],
  ])("is why they are refused: %s", async (template, words) => {
    expect(describeToolSupport(await findToolSupport(promptsOf(template)))).toMatch(words);
  });
});
