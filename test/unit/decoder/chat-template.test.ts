import { describe, expect, it } from "vitest";
import { ChatTemplate } from "../../../src/decoder/chat-template.ts";

const render = (source: string, variables: Readonly<Record<string, unknown>> = {}): string =>
  new ChatTemplate(source, { eos_token: { content: "</s>" } }).render([{ role: "user", content: "Hi" }], {
    addGenerationPrompt: true,
    variables,
  });

describe("ChatTemplate", () => {
  it.each([
    ["{% if tools is not none %}tools{% endif %}{{ messages[0].content }}", "Hi"],
    ["{% if documents is not none %}documents{% endif %}{{ eos_token }}", "</s>"],
    ["{% if enable_thinking is defined %}asked{% else %}unasked{% endif %}", "unasked"],
  ])("leaves unsaid what transformers leaves unsaid: %s", (source, text) => {
    expect(render(source)).toBe(text);
  });

  it("takes variables over its own", () => {
    expect(render("{{ tools }}{{ eos_token }}", { tools: "t", eos_token: "e" })).toBe("te");
  });

  it("names what a template refuses", () => {
    expect(() => render("{{ raise_exception('no users') }}")).toThrow(/refuses these messages: no users/);
    expect(() => render("{% if %}")).toThrow(/cannot be read/);
  });
});
