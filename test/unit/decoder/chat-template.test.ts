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

  it.each([
    ["{{ 'a \n'.strip('\\n') }}|", "a |"],
    ["{% for m in [1, 2] %}before{% break %}after{% endfor %}", "before"],
    ["{{ 1 != '1' }}", "True"],
    ["{{ true }} {{ none }} {{ 1.0 }} {{ ['a', none] }}", "True None 1.0 ['a', None]"],
    ["{{ ''.constructor }}{{ messages.constructor }}{{ {}.__proto__ }}", ""],
  ])("renders as Python does: %s", (source, text) => {
    expect(render(source)).toBe(text);
  });

  const parts = [
    { type: "text", text: "a" },
    { type: "text", text: "b" },
  ];
  it.each([
    ["{{ messages[0].content }}", "a\nb"],
    ["{% for part in messages[0].content %}<{{ part.text }}>{% endfor %}", "<a><b>"],
    ["{% set c = messages[0]['content'] %}{% for part in c %}<{{ part['text'] }}>{% endfor %}", "<a><b>"],
    [
      "{% macro m(content) %}{% for p in content %}<{{ p.text }}>{% endfor %}{% endmacro %}{{ m(messages[0].content) }}",
      "<a><b>",
    ],
  ])("gives parts to templates that go through them, and one text to others: %s", (source, text) => {
    const template = new ChatTemplate(source, {});
    expect(template.render([{ role: "user", content: parts }], { addGenerationPrompt: true })).toBe(text);
  });

  it.each([
    ["{% for p in messages[0].content %}<{{ p.text }}>{% endfor %}", "user", "<Hi>"],
    ["{% for p in messages[0]['content'] | list %}<{{ p['text'] }}>{% endfor %}", "user", "<Hi>"],
    ["{{ messages[0].content[0].type }}{% for p in messages[0].content %}{% endfor %}", "system", "text"],
    [
      "{% if messages[0].content is string %}{{ messages[0].content }}{% else %}{% for p in messages[0].content %}<{{ p }}>{% endfor %}{% endif %}",
      "user",
      "Hi",
    ],
    ["{{ messages[0].content }}{% for p in messages[0].content %}{% endfor %}", "tool", "Hi"],
  ])("gives a text as a part to templates that take nothing else: %s", (source, role, text) => {
    const template = new ChatTemplate(source, {});
    expect(template.render([{ role, content: "Hi" }], { addGenerationPrompt: true })).toBe(text);
  });

  it("gives a tool's answer as one text, however it came, empty parts left out", () => {
    const template = new ChatTemplate(
      "{% for m in messages %}{% if m.role == 'tool' %}{{ m.content }}{% else %}{% for p in m.content %}{{ p.text }}{% endfor %}{% endif %}{% endfor %}",
      {},
    );
    const content = [...parts, { type: "text", text: "" }];
    expect(
      template.render(
        [
          { role: "user", content },
          { role: "tool", content },
        ],
        { addGenerationPrompt: true },
      ),
    ).toBe("aba\nb");
  });

  it("gives templates all that a message has, but what is null", () => {
    const template = new ChatTemplate("{{ messages }}", {});
    const message = { role: "assistant", content: null, tool_calls: [{ id: "1" }], reasoning: "r" };
    expect(template.render([message], { addGenerationPrompt: true })).toBe(
      "[{'thinking': 'r', 'role': 'assistant', 'tool_calls': [{'id': '1'}], 'reasoning': 'r', 'reasoning_content': 'r'}]",
    );
  });

  it("names what a template refuses", () => {
    expect(() => render("{{ raise_exception('no users') }}")).toThrow(/refuses these messages: no users/);
    expect(() => render("{% if %}")).toThrow(/cannot be read/);
  });
});
