import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import type { TokenIds } from "../../src/core/tokens.ts";
import { ChatTemplate } from "../../src/decoder/chat-template.ts";
import { LocalPromptEncoder } from "../../src/decoder/prompts/local-prompt-encoder.ts";
import { Tokenizer } from "../../src/decoder/tokenizer.ts";
import type { ChatChunk } from "../../src/server/schemas/chunks.ts";
import type { ChatResponse } from "../../src/server/schemas/chat.ts";
import { addedToken, byteTokenizerJson } from "../support/byte-tokenizer.ts";
import { createTestApp, parseEvents } from "../support/embedded.ts";
import { scriptedCompleter } from "../support/scripted-completer.ts";

const root = new URL("../../", import.meta.url);
const source = (path: string): string => readFileSync(fileURLToPath(new URL(path, root)), "utf8");

const special = ["<eos>", "[TOOL_CALLS]", "<|python_tag|>", "[ARGS]"];
const endToken = 256;
const json = {
  ...byteTokenizerJson(),
  added_tokens: special.map((content, index) => addedToken(256 + index, content)),
};

/** Text as tokens, special ones among them. */
function tokensOf(text: string): number[] {
  const names = special.map((name) => name.replaceAll(/[[\]|]/g, String.raw`\$&`)).join("|");
  return text
    .split(new RegExp(`(${names})`))
    .flatMap((part) => (special.includes(part) ? [256 + special.indexOf(part)] : [...Buffer.from(part)]));
}

/** A server whose model gives this answer to whatever it is asked. */
async function serverOf(template: string, answer: string) {
  const prompts = new LocalPromptEncoder(
    () => json,
    new ChatTemplate(source(template), { bos_token: "", eos_token: "<eos>" }),
  );
  const answered = [...tokensOf(answer), endToken];
  let start: number | undefined;
  const script = (tokens: TokenIds): number => {
    start ??= tokens.length;
    return answered[tokens.length - start]!;
  };
  const completer = scriptedCompleter({ tokenizer: new Tokenizer(json, {}), prompts }, 260, {
    script,
    endTokenIds: [endToken],
  });
  const server = await createTestApp({ completer });
  const ask = (body: object) =>
    server.post("/v1/chat/completions", {
      messages: [{ role: "user", content: "What is 1 + 2?" }],
      tools,
      ...body,
    });
  return {
    ...server,
    ask,
    chat: async (body: object = {}): Promise<ChatResponse> => {
      const reply = await ask(body);
      expect(reply.status, reply.text).toBe(200);
      return reply.json();
    },
    stream: async (body: object = {}): Promise<ChatChunk[]> =>
      parseEvents((await ask({ ...body, stream: true })).text) as unknown as ChatChunk[],
  };
}

const tools = [
  {
    type: "function",
    function: {
      name: "add",
      description: "Adds.",
      parameters: { type: "object", properties: { a: { type: "integer" }, b: { type: "integer" } } },
    },
  },
  { type: "function", function: { name: "stop" } },
];

const own = "templates/chatml-tools.jinja";
const fixture = (name: string): string => `test/fixtures/jinja/templates/${name}.jinja`;
const call = '<tool_call>\n{"name": "add", "arguments": {"a": 1, "b": 2}}\n</tool_call>';
const add = { type: "function", function: { name: "add", arguments: '{"a": 1, "b": 2}' } };

const families: readonly [string, string, string][] = [
  ["the server's own", own, call],
  ["Qwen", fixture("qwen2_5"), call],
  ["Llama 3", fixture("llama3_1"), '{"name": "add", "parameters": {"a": 1, "b": 2}}'],
  [
    "Llama 3, announced",
    fixture("llama3_2"),
    '<|python_tag|>{"name": "add", "parameters": {"a": 1, "b": 2}}',
  ],
  ["Mistral", fixture("mistral_v3_tekken"), '[TOOL_CALLS][{"name": "add", "arguments": {"a": 1, "b": 2}}]'],
  [
    "newer Mistral",
    fixture("mistralai-Ministral-3-14B-Reasoning-2512"),
    '[TOOL_CALLS]add[ARGS]{"a": 1, "b": 2}',
  ],
];

describe.each(families)("a model of %s", (name, template, answer) => {
  it("calls a tool", async () => {
    await using server = await serverOf(template, answer);
    const { choices } = await server.chat();
    const [{ message, finish_reason: reason }] = choices as [ChatResponse["choices"][number]];
    expect(message).toEqual({
      role: "assistant",
      content: null,
      refusal: null,
      tool_calls: [{ ...add, id: expect.stringMatching(/^(call_)?\w{9,}$/) as string }],
    });
    expect(reason).toBe("tool_calls");
    if (name === "Mistral") expect(message.tool_calls![0]!.id).toMatch(/^[a-z0-9]{9}$/);
  });

  it("calls it in a stream", async () => {
    await using server = await serverOf(template, answer);
    const chunks = await server.stream();
    const deltas = chunks.flatMap(({ choices }) => choices.map(({ delta }) => delta));
    const calls = deltas.flatMap(({ tool_calls = [] }) => tool_calls);
    const [first, ...rest] = calls;
    expect(first).toMatchObject({ index: 0, type: "function", function: { name: "add" } });
    expect(rest.every(({ index, id, function: { name: again } }) => index === 0 && !id && !again)).toBe(true);
    expect(calls.map(({ function: { arguments: text } }) => text).join("")).toBe('{"a": 1, "b": 2}');
    expect(rest.length).toBeGreaterThan(2);
    expect(deltas.some(({ content }) => (content ?? "") !== "")).toBe(false);
    expect(chunks.at(-1)!.choices[0]!.finish_reason).toBe("tool_calls");
  });

  it("is told what a tool answered", async () => {
    await using server = await serverOf(template, "3");
    const id = "abcdefghi";
    const messages = [
      { role: "user", content: "What is 1 + 2?" },
      { role: "assistant", content: null, tool_calls: [{ ...add, id }] },
      { role: "tool", tool_call_id: id, content: "3" },
    ];
    const { choices } = await server.chat({ messages });
    expect(choices[0]!.message).toEqual({ role: "assistant", content: "3", refusal: null });
    expect(choices[0]!.finish_reason).toBe("stop");
  });
});

describe("an answer that may call tools", () => {
  it("says something before it calls several", async () => {
    const other = '<tool_call>\n{"name": "stop", "arguments": {}}\n</tool_call>';
    await using server = await serverOf(own, `I add.\n${call}\n${other}`);
    const { choices } = await server.chat({ n: 2, logprobs: true });
    for (const { message } of choices) {
      expect(message.content).toBe("I add.");
      expect(message.tool_calls!.map(({ function: { name } }) => name)).toEqual(["add", "stop"]);
      expect(new Set(message.tool_calls!.map(({ id }) => id)).size).toBe(2);
    }
    expect(choices[0]!.logprobs!.content.length).toBeGreaterThan(100);
  });

  it("tells one call where others are not wanted", async () => {
    await using server = await serverOf(own, `${call}\n${call}`);
    const { choices } = await server.chat({ parallel_tool_calls: false });
    expect(choices[0]!.message.tool_calls).toHaveLength(1);
  });

  it("is cut off amid a call, and says so", async () => {
    await using server = await serverOf(own, call);
    const { choices } = await server.chat({ max_tokens: 48 });
    expect(choices[0]!.finish_reason).toBe("length");
    expect(choices[0]!.message.tool_calls![0]!.function.arguments).toMatch(/^\{"a"/);
  });

  it("may be none of a call", async () => {
    await using server = await serverOf(own, "<tool_call>\nwell\n</tool_call>");
    const { choices } = await server.chat();
    expect(choices[0]!.message).toMatchObject({ content: "<tool_call>\nwell\n</tool_call>" });
    expect(choices[0]!.message.tool_calls).toBeUndefined();
    const chunks = await server.stream();
    expect(chunks.map(({ choices: [choice] }) => choice?.delta.content ?? "").join("")).toBe(
      "<tool_call>\nwell\n</tool_call>",
    );
  });

  it("is said as it is where none may be called", async () => {
    await using server = await serverOf(own, call);
    const { choices } = await server.chat({ tool_choice: "none" });
    expect(choices[0]!.message).toEqual({ role: "assistant", content: call, refusal: null });
    expect(choices[0]!.finish_reason).toBe("stop");
  });
});

describe("tools are refused", () => {
  const twice = [tools[0]!, tools[0]!];
  it.each<[string, object, string, RegExp]>([
    ["of one name", { tools: twice }, "tools.1.function.name", /'add' is there twice/],
    ["of another kind", { tools: [{ type: "custom", custom: { name: "f" } }] }, "tools.0.type", /function/],
    ["without a name", { tools: [{ type: "function", function: {} }] }, "tools.0.function.name", /name/],
    [
      "of an odd name",
      { tools: [{ type: "function", function: { name: "a b" } }] },
      "tools.0.function.name",
      /letters/,
    ],
    ["that are not there", { tools: [], tool_choice: "required" }, "tool_choice", /no tools/],
    ["that are asked for otherwise", { tool_choice: "perhaps" }, "tool_choice", /"auto"/],
    ["by their former name", { functions: [{ name: "f" }] }, "functions", /tools/],
  ])("%s", async (_, body, param, message) => {
    await using server = await serverOf(own, "3");
    const reply = await server.ask(body);
    const { error } = reply.json() as { error: { param: string; message: string } };
    expect(reply.status).toBe(400);
    expect(error.param).toBe(param);
    expect(error.message).toMatch(message);
  });

  it("where the template shows the model none", async () => {
    await using server = await serverOf(fixture("chatml"), "3");
    const reply = await server.ask({});
    expect(reply.status).toBe(400);
    expect(reply.json() as object).toMatchObject({
      error: {
        param: "tools",
        code: "unsupported",
        message: expect.stringContaining("--chat-template") as string,
      },
    });
  });
});
