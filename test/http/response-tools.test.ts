import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it, vi } from "vitest";
import type { TokenIds } from "../../src/core/tokens.ts";
import { ChatTemplate } from "../../src/decoder/chat-template.ts";
import { LocalPromptEncoder } from "../../src/decoder/prompts/local-prompt-encoder.ts";
import type { ChatPrompt } from "../../src/decoder/prompts/prompt-encoder.ts";
import { responseEvent } from "../../src/server/schemas/responses/events.ts";
import type { ResponseEvent } from "../../src/server/schemas/responses/events.ts";
import type { OutputCall, ResponseBody } from "../../src/server/schemas/responses/response.ts";
import { byteTokenizer, byteTokenizerJson } from "../support/byte-tokenizer.ts";
import { createTestApp, parseNamedEvents, partsOf, textOf } from "../support/embedded.ts";
import { scriptedCompleter } from "../support/scripted-completer.ts";

/** Functions that responses call: the calls are those of chats, as items of the output. */

const template = readFileSync(
  fileURLToPath(new URL("../../templates/chatml-tools.jinja", import.meta.url)),
  "utf8",
);
const parameters = { type: "object", properties: { a: { type: "integer" }, b: { type: "integer" } } };
const tools = [
  { type: "function", name: "add", description: "Adds.", parameters, strict: null },
  { type: "function", name: "stop" },
];
const input = "What is 1 + 2?";
const add = '<tool_call>\n{"name": "add", "arguments": {"a": 1, "b": 2}}\n</tool_call>';
const stop = '<tool_call>\n{"name": "stop", "arguments": {}}\n</tool_call>';

/** A server whose model gives this answer to whatever it is asked. */
async function serverOf(answer: string) {
  const prompts = new LocalPromptEncoder(
    () => Promise.resolve(byteTokenizerJson()),
    new ChatTemplate(template, {}),
  );
  const answered = [...Buffer.from(answer), 0];
  // What a prompt ends with.
  const begin = [...Buffer.from("assistant\n")];
  const isBegin = (tokens: TokenIds, at: number): boolean =>
    begin.every((byte, index) => tokens[at - begin.length + index] === byte);
  const script = (tokens: TokenIds): number => {
    let at = tokens.length;
    while (!isBegin(tokens, at)) at--;
    return answered[tokens.length - at]!;
  };
  const completer = scriptedCompleter({ tokenizer: byteTokenizer(), prompts }, 256, {
    script,
    endTokenIds: [0],
  });
  const encode = vi.spyOn(completer.prompts, "encode");
  const server = await createTestApp({ completer });
  const post = (body: object) => server.post("/v1/responses", { input, tools, ...body });
  return {
    ...server,
    told: (): ChatPrompt => encode.mock.lastCall![0][0] as ChatPrompt,
    respond: async (body: object = {}): Promise<ResponseBody> => {
      const reply = await post(body);
      expect(reply.status, reply.text).toBe(200);
      return reply.json();
    },
    stream: async (body: object = {}) =>
      parseNamedEvents<ResponseEvent>((await post({ ...body, stream: true })).text),
    retrieve: async (id: string, query = "") =>
      (await server.app.inject({ url: `/v1/responses/${id}${query}` })).body,
  };
}

const callsOf = ({ output }: ResponseBody): OutputCall[] =>
  output.flatMap((item) => (item.type === "function_call" ? [item] : []));

describe("a response that may call functions", () => {
  it("says something, then calls two", async () => {
    await using server = await serverOf(`I add.\n${add}\n${stop}`);
    const response = await server.respond();
    expect(response).toMatchObject({ status: "completed", tools: [{ name: "add" }, { name: "stop" }] });
    expect(response.output.map(({ type, status }) => [type, status])).toEqual([
      ["message", "completed"],
      ["function_call", "completed"],
      ["function_call", "completed"],
    ]);
    expect(textOf(response)).toBe("I add.");
    expect(callsOf(response).map(({ name, arguments: text }) => [name, text])).toEqual([
      ["add", '{"a": 1, "b": 2}'],
      ["stop", "{}"],
    ]);
    const ids = response.output.map(({ id }) => id);
    expect(new Set(ids).size).toBe(3);
    expect(ids.join()).toMatch(/^msg_\w+,fc_\w+_1,fc_\w+_2$/);
    expect(new Set(callsOf(response).map(({ call_id }) => call_id)).size).toBe(2);
    // The template gets them as chats give them, without what was not said.
    expect(server.told().variables!.tools).toEqual([
      { type: "function", function: { name: "add", description: "Adds.", parameters } },
      { type: "function", function: { name: "stop" } },
    ]);
    expect(JSON.parse(await server.retrieve(response.id))).toEqual(response);
  });

  it("calls alone, without a message, log-probs included", async () => {
    await using server = await serverOf(add);
    const response = await server.respond({
      include: ["message.output_text.logprobs"],
      return_token_ids: true,
    });
    expect(response.output.map(({ type }) => type)).toEqual(["function_call"]);
    expect(response.output[0]!.id).toMatch(/^fc_[0-9a-f]{32}$/);
    expect(response.token_ids).toHaveLength(response.usage!.output_tokens);
    expect(partsOf(response)).toEqual([]);
  });

  it("streams items one after the other, with arguments in pieces, the same for whoever reads it later", async () => {
    await using server = await serverOf(`I add.\n${add}\n${stop}`);
    const events = await server.stream();
    for (const event of events) expect(responseEvent.safeParse(event).error).toBeUndefined();
    const names = events.map(({ type }) => type.replace(/^response\./, ""));
    expect(names.filter((name, index) => name !== names[index - 1])).toEqual([
      "created",
      "in_progress",
      "output_item.added",
      "content_part.added",
      "output_text.delta",
      "output_text.done",
      "content_part.done",
      "output_item.done",
      "output_item.added",
      "function_call_arguments.delta",
      "function_call_arguments.done",
      "output_item.done",
      "output_item.added",
      "function_call_arguments.delta",
      "function_call_arguments.done",
      "output_item.done",
      "completed",
    ]);
    expect(events.map(({ sequence_number }) => sequence_number)).toEqual(events.map((_, index) => index));
    const { response } = events.at(-1) as { response: ResponseBody };
    const done = events.flatMap((event) => (event.type === "response.output_item.done" ? [event.item] : []));
    expect(done).toEqual(response.output);
    const written = events.flatMap((event) =>
      event.type === "response.function_call_arguments.delta" && event.output_index === 1
        ? [event.delta]
        : [],
    );
    expect(written.length).toBeGreaterThan(2);
    expect(written.join("")).toBe('{"a": 1, "b": 2}');
    const again = parseNamedEvents<ResponseEvent>(await server.retrieve(response.id, "?stream=true"));
    expect(again).toEqual(events);
  });

  it("is told what they gave, by response or by items", async () => {
    await using server = await serverOf(add);
    const first = await server.respond();
    const [{ call_id }] = callsOf(first) as [OutputCall];
    const output = { type: "function_call_output", call_id, output: "3" };
    const call = { id: call_id, type: "function", function: { name: "add", arguments: { a: 1, b: 2 } } };
    const messages = [
      { role: "user", content: input },
      { role: "assistant", content: "", tool_calls: [call] },
      { role: "tool", tool_call_id: call_id, content: "3" },
    ];
    await server.respond({ previous_response_id: first.id, input: [output] });
    expect(server.told().messages).toEqual(messages);
    const reference = { type: "item_reference", id: first.output[0]!.id };
    for (const item of [first.output[0]!, reference]) {
      await server.respond({ input: [{ role: "user", content: input }, item, output] });
      expect(server.told().messages).toEqual(messages);
    }
  });

  it("is cut off amid a call, tells one where others are not wanted, and calls none where none may be", async () => {
    await using server = await serverOf(`${add}\n${stop}`);
    const cut = await server.respond({ max_output_tokens: 48 });
    expect(cut).toMatchObject({
      status: "incomplete",
      output: [{ type: "function_call", status: "incomplete" }],
    });
    expect(callsOf(cut)[0]!.arguments).toMatch(/^\{"a"/);
    const one = await server.respond({ parallel_tool_calls: false });
    expect([one.parallel_tool_calls, callsOf(one).length]).toEqual([false, 1]);
    const none = await server.respond({ tool_choice: "none" });
    expect(none.output.map(({ type }) => type)).toEqual(["message"]);
    expect(textOf(none)).toBe(`${add}\n${stop}`);
  });

  it("is the same whole and streamed where it goes on after its calls", async () => {
    await using server = await serverOf(`I add.\n${add}\nThen I stop.\n${stop}\nDone.`);
    const whole = await server.respond();
    const types = whole.output.map(({ type }) => type);
    const { response } = (await server.stream()).at(-1) as { response: ResponseBody };
    expect(response.output.map(({ type }) => type)).toEqual(types);
    expect(partsOf(response)).toEqual(partsOf(whole));
    expect(types.length).toBeGreaterThan(2);
    expect(textOf(whole)).toContain("Done.");
  });

  it("says what looks like a call and is none, log-probs and all", async () => {
    const text = "<tool_call>\nwell\n</tool_call>";
    await using server = await serverOf(text);
    const response = await server.respond({ include: ["message.output_text.logprobs"] });
    expect(textOf(response)).toBe(text);
    const tokens = partsOf(response)[0]!.logprobs.map(({ token }) => token);
    expect(tokens.join("")).toContain("well");
  });
});
