import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { ChatTemplate } from "../../src/decoder/chat-template.ts";
import type { ChatMessage } from "../../src/decoder/chat-template.ts";
import type { ChatPrompt } from "../../src/decoder/prompts/prompt-encoder.ts";
import { LocalPromptEncoder } from "../../src/decoder/prompts/local-prompt-encoder.ts";
import type { ChatResponse } from "../../src/server/schemas/chat.ts";
import { responseEvent } from "../../src/server/schemas/responses/events.ts";
import type { ResponseEvent } from "../../src/server/schemas/responses/events.ts";
import { responseResponse } from "../../src/server/schemas/responses/response.ts";
import type { InputItemList, ResponseBody } from "../../src/server/schemas/responses/response.ts";
import { byteTokenizer, byteTokenizerJson } from "../support/byte-tokenizer.ts";
import { createTestApp, parseNamedEvents, partsOf, textOf } from "../support/embedded.ts";
import type { Refusal } from "../support/embedded.ts";
import { scriptedCompleter } from "../support/scripted-completer.ts";

type TestApp = Awaited<ReturnType<typeof createTestApp>>;

const path = "/v1/responses";
const input = "7-2*3+4=";
const logprobs = ["message.output_text.logprobs"];

let server: TestApp;
beforeAll(async () => {
  // The same log-probs, whatever was asked before.
  server = await createTestApp({ engine: { deterministic: true } });
});
afterAll(() => server[Symbol.asyncDispose]());

async function respond(body: object, { post }: Pick<TestApp, "post"> = server): Promise<ResponseBody> {
  const reply = await post(path, { input, ...body });
  expect(reply.status, reply.text).toBe(200);
  return responseResponse.parse(reply.json());
}

async function refuse(body: object, { post }: Pick<TestApp, "post"> = server): Promise<Refusal> {
  const reply = await post(path, body);
  expect(reply.status, reply.text).toBeGreaterThanOrEqual(400);
  const { error } = reply.json() as { error: Omit<Refusal, "status"> };
  return { status: reply.status, ...error };
}

const stream = async (body: object) =>
  parseNamedEvents<ResponseEvent>((await server.post(path, { input, ...body, stream: true })).text);

const chat = async (body: object): Promise<ChatResponse> =>
  (
    await server.post("/v1/chat/completions", { messages: [{ role: "user", content: input }], ...body })
  ).json();

const samplers = ["power", "standard", "greedy", "smc"];

describe("POST /v1/responses", () => {
  it("answers what a chat answers, with the same report, counts and log-probs", async () => {
    for (const sampler of samplers) {
      const response = await respond({ sampler, seed: 1, include: logprobs, top_logprobs: 2, entropy: true });
      const asked = { sampler, seed: 1, logprobs: true, top_logprobs: 2, entropy: true };
      const { choices, usage } = await chat(asked);
      const choice = choices[0]!;
      expect(textOf(response)).toBe(choice.message.content);
      expect(partsOf(response)[0]!.logprobs).toEqual(choice.logprobs!.content);
      expect(response).toMatchObject({
        object: "response",
        status: "completed",
        error: null,
        incomplete_details: null,
        entropy: choice.entropy,
        mean_entropy: choice.mean_entropy,
        logprobs_mode: "raw",
        stop_reason: null,
      });
      expect(Object.keys(response)).toContain(sampler);
      expect(response.usage).toMatchObject({
        input_tokens: usage.prompt_tokens,
        output_tokens: usage.completion_tokens,
        total_tokens: usage.total_tokens,
      });
    }
  });

  it("takes the sampler from the model's name, and names what has no effect", async () => {
    const body = {
      model: "abacus:power",
      temperature: 0.7,
      reasoning: { effort: "low" },
      text: { verbosity: "low" },
    };
    const reply = await server.post(path, { input, seed: 1, ...body });
    const response = reply.json() as ResponseBody;
    expect(response.power!.alpha).toBe(4);
    const ignored = ["temperature", "reasoning", "text.verbosity"];
    expect(response.ignored).toEqual(ignored);
    expect(reply.headers["x-ignored-fields"]).toBe(ignored.join(", "));
  });

  it("says why it is incomplete, and what stopped it", async () => {
    const cut = await respond({ max_output_tokens: 2, sampler: "greedy" });
    expect(cut).toMatchObject({
      status: "incomplete",
      completed_at: null,
      incomplete_details: { reason: "max_output_tokens" },
      usage: { output_tokens: 2 },
      output: [{ status: "incomplete" }],
    });
    const stopped = await respond({ stop: "0", sampler: "greedy" });
    expect(stopped).toMatchObject({ status: "completed", stop_reason: "0" });
    expect(textOf(stopped)).toBe("#1");
  });

  it("repeats what it was asked", async () => {
    const asked = {
      instructions: null,
      metadata: { topic: "sums" },
      user: "ada",
      safety_identifier: "a1",
      prompt_cache_key: "sums",
      max_output_tokens: 30,
      temperature: 0.5,
      top_p: 0.9,
      store: false,
      truncation: "auto",
      tool_choice: "none",
    };
    const { parallel_tool_calls, service_tier, ...response } = await respond({
      ...asked,
      service_tier: "flex",
      parallel_tool_calls: false,
      tools: [],
    });
    expect(response).toMatchObject(asked);
    expect([parallel_tool_calls, service_tier]).toEqual([false, "flex"]);
  });

  it.each([
    ["input", { input: 3 }, "invalid_request"],
    ["input", { input: [] }, "invalid_request"],
    ["input", {}, "invalid_request"],
    ["input.0.type", { input: [{ type: "web_search_call" }] }, "invalid_request"],
    [
      "input.1.role",
      {
        input: [
          { role: "user", content: "1" },
          { role: "tool", content: "2" },
        ],
      },
      "invalid_request",
    ],
    [
      "input.0.content.0.type",
      { input: [{ role: "user", content: [{ type: "input_image" }] }] },
      "invalid_request",
    ],
    [
      "input.0.encrypted_content",
      { input: [{ type: "reasoning", encrypted_content: "x" }] },
      "invalid_request",
    ],
    [
      "input.0.arguments",
      { input: [{ type: "function_call", call_id: "1", name: "f", arguments: "[" }] },
      "invalid_request",
    ],
    ["input.0.id", { input: [{ type: "item_reference", id: "msg_1" }] }, "invalid_request"],
    ["input", { input: "1".repeat(300) }, "context_length_exceeded"],
    ["max_output_tokens", { input, max_output_tokens: 0 }, "invalid_request"],
    ["top_logprobs", { input, top_logprobs: 2 }, "invalid_request"],
    ["include.0", { input, include: ["file_search_call.results"] }, "invalid_request"],
    ["text.format.type", { input, text: { format: { type: "xml" } } }, "invalid_request"],
    [
      "text.format.schema",
      { input, text: { format: { type: "json_schema", name: "n" } } },
      "invalid_request",
    ],
    [
      "guided_regex",
      { input, guided_regex: "1", text: { format: { type: "json_schema", schema: true } } },
      "invalid_request",
    ],
    ["tools", { input, tools: [{ type: "function", name: "add" }] }, "unsupported"],
    ["tool_choice", { input, tool_choice: "required" }, "invalid_request"],
    ["tool_choice", { input, tool_choice: { type: "allowed_tools" } }, "invalid_request"],
    ["tools.0.type", { input, tools: [{ type: "web_search" }] }, "invalid_request"],
    ["conversation", { input, conversation: "conv_1" }, "unsupported"],
    ["prompt", { input, prompt: { id: "pmpt_1" } }, "unsupported"],
    ["context_management", { input, context_management: [{ type: "compaction" }] }, "unsupported"],
    ["moderation", { input, moderation: { model: "m" } }, "unsupported"],
    ["n", { input, n: 2 }, "unsupported"],
    ["max_tokens", { input, max_tokens: 2 }, "unsupported"],
    ["text.schema", { input, text: { schema: {} } }, "unsupported"],
    ["truncation", { input, truncation: "middle" }, "invalid_request"],
    ["metadata.topic", { input, metadata: { topic: 1 } }, "invalid_request"],
    [
      "metadata",
      { input, metadata: Object.fromEntries(Array.from({ length: 17 }, (_, i) => [i, "x"])) },
      "invalid_request",
    ],
    ["model", { input, model: "gpt-4" }, "model_not_found"],
    ["alpha", { input, sampler: "power", alpha: 0 }, "invalid_request"],
    ["store", { input, background: true, store: false }, "invalid_request"],
    ["stream_options", { input, stream_options: { include_progress: true } }, "invalid_request"],
    [
      "stream_options",
      { input, stream: true, background: true, stream_options: { include_progress: true } },
      "invalid_request",
    ],
  ])("refuses %s by name: %j", async (param, body, code) => {
    const refusal = await refuse(body);
    expect(refusal).toMatchObject({ param, code });
    expect(refusal.message).not.toMatch(/messages/);
  });

  const format = { type: "json_schema", name: "n", schema: { type: "integer" } };
  const call = (text: string) => ({ type: "function_call", call_id: "c", name: "add", arguments: text });
  it.each<[string, object, RegExp]>([
    [
      "text.format.schema",
      { text: { format: { ...format, schema: { $ref: "#/none" } } } },
      /^text\.format\.schema has/,
    ],
    ["text.format", { text: { format: { type: "json_object" } } }, /^text\.format allows no text/],
    ["guided_regex", { text: { format }, guided_regex: "1" }, /^text\.format\.schema and guided_regex/],
    ["ignore_eos", { text: { format }, ignore_eos: true }, /with text\.format\.schema,/],
    ["min_tokens", { text: { format }, min_tokens: 2 }, /with text\.format\.schema,/],
    ["logprobs_mode", { logprobs_mode: "sampled" }, /with include: \["message\.output_text\.logprobs"\]\./],
    ["top_logprobs", { top_logprobs: 2 }, /with include: \["message\.output_text\.logprobs"\]\./],
    [
      "input.1.arguments",
      { input: [{ role: "user", content: "1" }, call("[1]")] },
      /^input\.1\.arguments: .*'add'/,
    ],
    ["input.2.arguments", { input: [call("{}"), call(""), call("{")] }, /^input\.2\.arguments: /],
    ["input", { input: "1+".repeat(400) }, /in the input, .* length of the input/],
    ["input", { max_output_tokens: 300 }, /Set max_output_tokens to \d+ at most/],
    ["max_evaluated_tokens", { sampler: "exact", max_evaluated_tokens: 1 }, /shorter completions/],
  ])("refuses %s by its own names, in whatever is said: %j", async (param, body, message) => {
    const refusal = await refuse({ input, ...body });
    expect(refusal).toMatchObject({ status: 400, param });
    expect(refusal.message).toMatch(message);
    expect(refusal.message).not.toMatch(
      /\bmessages|response_format|max_tokens|max_completion_tokens|tool_calls/,
    );
  });

  it("is told what was told before by the names of this request", async () => {
    const { id } = await respond({ store: true });
    const refusal = await refuse({ previous_response_id: id, input: [call("[]")] });
    expect(refusal.param).toBe("input.0.arguments");
  });

  it("names the input where the chat template refuses it", async () => {
    const template = new ChatTemplate("{{ raise_exception('no users') }}", {});
    const prompts = new LocalPromptEncoder(async () => byteTokenizerJson(), template);
    const completer = scriptedCompleter({ tokenizer: byteTokenizer(), prompts }, 256, { script: () => 97 });
    await using bytes = await createTestApp({ completer });
    const refusal = await refuse({ input }, bytes);
    expect(refusal).toMatchObject({ code: "invalid_request", param: "input" });
    expect(refusal.message).toContain("no users");
    expect(await bytes.post(`${path}/input_tokens`, { input })).toMatchObject({ status: 400 });
  });

  it("is refused by a model without a chat template", async () => {
    const parts = {
      tokenizer: byteTokenizer(),
      prompts: new LocalPromptEncoder(async () => byteTokenizerJson(), undefined),
    };
    const completer = scriptedCompleter(parts, 256, { script: () => 97 });
    await using bytes = await createTestApp({ completer });
    expect(await refuse({ input }, bytes)).toMatchObject({ code: "unsupported", param: "input" });
  });
});

describe("text.format", () => {
  const schema = { type: "integer", minimum: 10, maximum: 19 };
  const format = { type: "json_schema", name: "n", schema, strict: true };

  it("holds the answer to what chats hold theirs to", async () => {
    for (const sampler of ["power", "standard", "greedy"]) {
      const response = await respond({ sampler, seed: 2, text: { format } });
      expect(textOf(response)).toMatch(/^1\d$/);
      expect(response.text).toEqual({ format });
      const { type, ...json_schema } = format;
      const { choices } = await chat({ sampler, seed: 2, response_format: { type, json_schema } });
      expect(choices[0]!.message.content).toBe(textOf(response));
    }
    expect(textOf(await respond({ guided_regex: "[1-3]{4}" }))).toMatch(/^[1-3]{4}$/);
  });

  it("names itself where it cannot be held to, whole and in a stream", async () => {
    const odd = {
      input,
      text: { format: { ...format, schema: { type: "string", format: "odd", not: {} } } },
    };
    const refusal = await refuse(odd);
    expect(refusal.param).toMatch(/^text\.format/);
    expect(refusal.message).not.toContain("response_format");
    expect(await refuse({ ...odd, stream: true })).toEqual(refusal);
  });
});

describe("a streamed response", () => {
  it("has OpenAI's events in OpenAI's order, numbered from 0, and says in the end what POST would have", async () => {
    for (const sampler of samplers) {
      const events = await stream({ sampler, seed: 1, include: logprobs });
      for (const event of events) expect(responseEvent.safeParse(event).error).toBeUndefined();
      const names = events.map(({ type }) => type);
      const deltas = names.filter((name) => name === "response.output_text.delta");
      expect(deltas.length).toBeGreaterThan(0);
      expect(names).toEqual([
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        ...deltas,
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
      ]);
      expect(events.map(({ sequence_number }) => sequence_number)).toEqual(events.map((_, index) => index));
      const whole = await respond({ sampler, seed: 1, include: logprobs });
      const { id, created_at, completed_at, ...last } = (events.at(-1) as { response: ResponseBody })
        .response;
      const { [sampler as "power"]: _cost, ...said } = last;
      const { [sampler as "power"]: _otherCost, ...expected } = whole;
      expect({ ...said, output: [] }).toEqual({
        ...expected,
        id: undefined,
        created_at: undefined,
        completed_at: undefined,
        output: [],
      });
      expect(completed_at! >= created_at).toBe(true);
      expect(partsOf(whole)).toEqual(last.output.flatMap((item) => ("content" in item ? item.content : [])));
      const ofDeltas = events.flatMap((event) =>
        event.type === "response.output_text.delta" ? [event] : [],
      );
      expect(ofDeltas.map(({ delta }) => delta).join("")).toBe(textOf(whole));
      expect(ofDeltas.flatMap((delta) => delta.logprobs)).toEqual(partsOf(whole)[0]!.logprobs);
      expect(events[0]).toMatchObject({ response: { id, status: "in_progress", output: [], usage: null } });
    }
  });

  it("ends with response.incomplete where it is, and tells a chain's progress when asked, uncounted", async () => {
    const cut = await stream({ sampler: "greedy", max_output_tokens: 3 });
    expect(cut.at(-1)).toMatchObject({ type: "response.incomplete", response: { status: "incomplete" } });
    const watched = await stream({ sampler: "power", seed: 1, stream_options: { include_progress: true } });
    const steps = watched.filter(({ type }) => type === "metropolis.progress");
    expect(steps.length).toBeGreaterThan(5);
    expect(steps[0]).toMatchObject({ sequence_number: 1, progress: { block: 1 } });
    const counted = watched.filter(({ type }) => type !== "metropolis.progress");
    expect(counted.map(({ sequence_number }) => sequence_number)).toEqual(counted.map((_, index) => index));
  });

  it("carries no log-probs unless they are included", async () => {
    const events = await stream({ sampler: "greedy" });
    expect(JSON.stringify(events)).not.toMatch(/"logprob":/);
  });
});

/** A model that is told conversations, and says `ok` and a full stop, which ends it. */
function createListener() {
  const template = "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}<assistant>";
  const prompts = new LocalPromptEncoder(async () => byteTokenizerJson(), new ChatTemplate(template, {}));
  const end = 46;
  const says = [...Buffer.from("ok.")];
  const completer = scriptedCompleter({ tokenizer: byteTokenizer(), prompts }, 256, {
    script: (tokens) =>
      says[tokens.lastIndexOf(107) === tokens.length - 1 ? 2 : tokens.at(-1) === 111 ? 1 : 0]!,
    endTokenIds: [end],
  });
  const encode = vi.spyOn(completer.prompts, "encode");
  return {
    completer,
    told: (): readonly ChatMessage[] => (encode.mock.lastCall![0][0] as ChatPrompt).messages,
  };
}

describe("what a response is told", () => {
  it("is the input, after instructions and what went before", async () => {
    const { completer, told } = createListener();
    await using app = await createTestApp({ completer });
    const first = await respond({ instructions: "Be brief.", input: "One?" }, app);
    expect(textOf(first)).toBe("ok");
    expect(told()).toEqual([
      { role: "system", content: "Be brief." },
      { role: "user", content: "One?" },
    ]);
    const second = await respond(
      { previous_response_id: first.id, input: "Two?", instructions: "Be long." },
      app,
    );
    expect(second).toMatchObject({ previous_response_id: first.id, instructions: "Be long." });
    const third = await respond(
      {
        previous_response_id: second.id,
        input: [
          { role: "developer", content: "Now." },
          { role: "user", content: "Three?" },
        ],
      },
      app,
    );
    // Instructions are not taken over.
    expect(told()).toEqual([
      { role: "user", content: "One?" },
      { role: "assistant", content: "ok" },
      { role: "user", content: "Two?" },
      { role: "assistant", content: "ok" },
      { role: "developer", content: "Now." },
      { role: "user", content: "Three?" },
    ]);
    // The same conversation sent whole, items as they were given out, is the same prompt.
    const { inputTokens } = { inputTokens: third.usage!.input_tokens };
    const whole = [
      { role: "user", content: "One?" },
      ...first.output,
      { role: "user", content: [{ type: "input_text", text: "Two?" }] },
      { type: "item_reference", id: second.output[0]!.id },
      { role: "developer", content: "Now." },
      { type: "message", role: "user", content: "Three?" },
    ];
    const again = await respond({ input: whole, store: false }, app);
    expect(again.usage!.input_tokens).toBe(inputTokens);
    expect(told().map(({ content }) => content)).toEqual(["One?", "ok", "Two?", "ok", "Now.", "Three?"]);
  });

  it("has function calls, their outputs and thoughts as chats have them", async () => {
    const { completer, told } = createListener();
    await using app = await createTestApp({ completer });
    const items = [
      { role: "user", content: "1+2?" },
      { type: "reasoning", id: "rs_1", summary: [], content: [{ type: "reasoning_text", text: "Hm." }] },
      {
        type: "message",
        role: "assistant",
        content: [{ type: "output_text", text: "Let me see.", annotations: [] }],
      },
      {
        type: "function_call",
        call_id: "a",
        name: "add",
        arguments: '{"a":1,"b":2}',
        id: "fc_1",
        status: "completed",
      },
      { type: "function_call", call_id: "b", name: "now", arguments: "{}" },
      { type: "function_call_output", call_id: "a", output: "3" },
      { type: "function_call_output", call_id: "b", output: [{ type: "input_text", text: "noon" }] },
      { type: "reasoning", summary: [{ type: "summary_text", text: "Call." }] },
      { type: "function_call", call_id: "c", name: "now", arguments: "" },
    ];
    await respond({ input: items }, app);
    const call = (id: string, name: string, given: object) => ({
      id,
      type: "function",
      function: { name, arguments: given },
    });
    expect(told()).toEqual([
      { role: "user", content: "1+2?" },
      {
        role: "assistant",
        content: "Let me see.",
        reasoning_content: "Hm.",
        tool_calls: [call("a", "add", { a: 1, b: 2 }), call("b", "now", {})],
      },
      { role: "tool", tool_call_id: "a", content: "3" },
      { role: "tool", tool_call_id: "b", content: "noon" },
      { role: "assistant", content: "", reasoning_content: "Call.", tool_calls: [call("c", "now", {})] },
    ]);
  });

  it("loses its oldest turns, and no more, where truncation says so", async () => {
    const { completer, told } = createListener();
    await using app = await createTestApp({ completer });
    const turn = "x".repeat(1000);
    const turns = Array.from({ length: 8 }, (_, index) => [
      { role: "user", content: `${index}${turn}` },
      { role: "assistant", content: "ok" },
    ]).flat();
    const body = { instructions: "Be brief.", input: [...turns, { role: "user", content: "Last?" }] };
    expect(await refuse(body, app)).toMatchObject({ code: "context_length_exceeded", param: "input" });
    const { usage } = await respond({ ...body, truncation: "auto", max_output_tokens: 4 }, app);
    const from = (turn: number) => ({
      instructions: "Be brief.",
      input: [...turns.slice(2 * turn), { role: "user", content: "Last?" }],
      max_output_tokens: 4,
    });
    expect((await refuse(from(4), app)).code).toBe("context_length_exceeded");
    expect((await respond(from(5), app)).usage).toEqual(usage);
    expect(told()[0]).toEqual({ role: "system", content: "Be brief." });
    const alone = { input: "x".repeat(5000), truncation: "auto" };
    expect(await refuse(alone, app)).toMatchObject({ code: "context_length_exceeded" });
  });

  it("is counted without an answer", async () => {
    const { completer } = createListener();
    await using app = await createTestApp({ completer });
    const first = await respond({ input: "One?" }, app);
    const body = { input: "Two?", previous_response_id: first.id, instructions: "Be brief." };
    const counted = await app.post(`${path}/input_tokens`, body);
    const { usage } = await respond(body, app);
    expect(counted.json()).toEqual({ object: "response.input_tokens", input_tokens: usage!.input_tokens });
    const wrong = await app.post(`${path}/input_tokens`, { input: "1", previous_response_id: "resp_0" });
    expect(wrong.json()).toMatchObject({ error: { code: "previous_response_not_found" } });
  });

  it("is listed by pages, what went before included, in either order", async () => {
    const { completer } = createListener();
    await using app = await createTestApp({ completer });
    const first = await respond({ input: "One?" }, app);
    const second = await respond(
      {
        previous_response_id: first.id,
        input: [
          { role: "user", content: "Two?", id: "msg_own" },
          { role: "user", content: "Three?", id: "msg_own" },
        ],
      },
      app,
    );
    const list = async (query: string) =>
      (await app.app.inject({ url: `${path}/${second.id}/input_items${query}` })).json<InputItemList>();
    const texts = ({ data }: InputItemList) =>
      data.map((item) => ("content" in item ? (item.content as { text: string }[])[0]!.text : ""));
    const all = await list("?order=asc");
    expect(texts(all)).toEqual(["One?", "ok", "Two?", "Three?"]);
    expect(all).toMatchObject({
      object: "list",
      has_more: false,
      first_id: all.data[0]!.id,
      last_id: all.data[3]!.id,
    });
    expect(all.data[1]).toMatchObject({
      id: first.output[0]!.id,
      role: "assistant",
      content: [{ type: "output_text" }],
    });
    expect(all.data[2]!.id).toBe("msg_own");
    expect(new Set(all.data.map(({ id }) => id)).size).toBe(4);
    expect(texts(await list(""))).toEqual(["Three?", "Two?", "ok", "One?"]);
    const page = await list("?limit=2");
    expect([texts(page), page.has_more]).toEqual([["Three?", "Two?"], true]);
    const rest = await list(`?limit=2&after=${page.last_id}`);
    expect([texts(rest), rest.has_more]).toEqual([["ok", "One?"], false]);
    for (const query of ["?limit=0", "?limit=101", "?limit=x", "?order=up", "?after=msg_0", "?befor=msg_0"]) {
      const reply = await app.app.inject({ url: `${path}/${second.id}/input_items${query}` });
      expect(reply.statusCode, query).toBe(400);
      expect(query).toContain(reply.json<{ error: { param: string } }>().error.param);
    }
  });
});
