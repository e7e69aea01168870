import { describe, expect, it } from "vitest";
import { ChatTemplate } from "../../../src/decoder/chat-template.ts";
import { toChatMessages } from "../../../src/server/chat-message.ts";
import { requestMessage } from "../../../src/server/schemas/messages.ts";

const read = async (message: object) => (await toChatMessages([requestMessage.parse(message)]))[0]!;
const call = (args?: unknown) => ({
  role: "assistant",
  content: null,
  tool_calls: [
    {
      id: "call_1",
      type: "function",
      function: { name: "add", ...(args === undefined ? {} : { arguments: args }) },
    },
  ],
});

describe("a message as templates get it", () => {
  it.each([
    [
      { role: "user", content: "1" },
      { role: "user", content: "1" },
    ],
    [
      { role: "user", content: "1", name: null, tool_calls: null },
      { role: "user", content: "1" },
    ],
    [
      { role: "system", content: [{ type: "text", text: "1", cache_control: { type: "ephemeral" } }] },
      { role: "system", content: [{ type: "text", text: "1" }] },
    ],
    [
      { role: "assistant", content: null },
      { role: "assistant", content: "" },
    ],
    [{ role: "assistant" }, { role: "assistant", content: "" }],
    [
      { role: "assistant", content: null, refusal: "no" },
      { role: "assistant", content: "no" },
    ],
    [
      { role: "assistant", content: [{ type: "refusal", refusal: "no" }] },
      { role: "assistant", content: [{ type: "text", text: "no" }] },
    ],
    [
      { role: "assistant", content: "1", tool_calls: [], annotations: [], audio: null, function_call: null },
      { role: "assistant", content: "1" },
    ],
    [
      { role: "assistant", content: "1", reasoning_content: "hm" },
      { role: "assistant", content: "1", reasoning_content: "hm" },
    ],
    [
      { role: "tool", tool_call_id: "call_1", content: "3", name: "add" },
      { role: "tool", tool_call_id: "call_1", content: "3", name: "add" },
    ],
    [
      { role: "function", name: "add", content: "3" },
      { role: "function", name: "add", content: "3" },
    ],
  ])("%j", async (message, expected) => {
    expect(await read(message)).toStrictEqual(expected);
  });

  it.each([
    ['{"a": 1, "b": [2]}', { a: 1, b: [2] }],
    [{ a: 1 }, { a: 1 }],
    ["", {}],
    [undefined, {}],
    [null, {}],
  ])("has the arguments %j of a call as an object", async (given, expected) => {
    expect(await read(call(given))).toStrictEqual({
      role: "assistant",
      content: "",
      tool_calls: [{ id: "call_1", type: "function", function: { name: "add", arguments: expected } }],
    });
  });

  it.each(["{", "[1]", "7", "null"])("refuses %j for arguments", async (given) => {
    await expect(read(call(given))).rejects.toThrow(
      expect.objectContaining({ code: "invalid_request", param: "messages.0.tool_calls" }) as Error,
    );
  });

  it("can be gone through by a template", async () => {
    const template = new ChatTemplate(
      "{% for m in messages %}{% if m.tool_calls %}{% for c in m.tool_calls %}" +
        "{{ c.function.name }}({% for k, v in c.function.arguments.items() %}{{ k }}={{ v }};{% endfor %}){% endfor %}" +
        "{% elif m.role == 'tool' %}[{{ m.tool_call_id }}: {{ m.content }}]{% else %}{{ m.content }}{% endif %}{% endfor %}",
      {},
    );
    const messages = [
      { role: "user", content: "?" },
      call('{"a": 1, "b": 2}'),
      { role: "tool", tool_call_id: "call_1", content: "3" },
    ];
    expect(template.render(await Promise.all(messages.map(read)), { addGenerationPrompt: true })).toBe(
      "?add(a=1;b=2;)[call_1: 3]",
    );
  });
});
