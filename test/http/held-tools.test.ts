import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { ChatTemplate } from "../../src/decoder/chat-template.ts";
import { LocalCompleter } from "../../src/decoder/local-completer.ts";
import { LocalPromptEncoder } from "../../src/decoder/prompts/local-prompt-encoder.ts";
import { Tokenizer } from "../../src/decoder/tokenizer.ts";
import type { ChatChunk } from "../../src/server/schemas/chunks.ts";
import type { ChatResponse } from "../../src/server/schemas/chat.ts";
import { addedToken, byteTokenizerJson } from "../support/byte-tokenizer.ts";
import { createTestApp, parseEvents } from "../support/embedded.ts";
import { createToyEngine } from "../support/toy-engine.ts";
import { createToyModel } from "../support/toy-model.ts";

/** Tools whose calls a model is held to, whatever it would rather say: a toy's weights are random. */

const special = ["[TOOL_CALLS]", "[ARGS]", "<other>", "<eos>"];
const vocabularySize = 256 + special.length;
const json = {
  ...byteTokenizerJson(),
  added_tokens: special.map((content, index) => addedToken(256 + index, content)),
};
const root = new URL("../../", import.meta.url);

async function serverOf(template: string) {
  const source = readFileSync(fileURLToPath(new URL(template, root)), "utf8");
  const prompts = new LocalPromptEncoder(
    () => json,
    new ChatTemplate(source, { bos_token: "", eos_token: "<eos>" }),
  );
  const completer = new LocalCompleter(
    {
      model: {
        id: "toy",
        endTokenIds: [vocabularySize - 1],
        defaults: { maxTokens: undefined, alpha: 2, mcmcSteps: 2, blockSize: undefined },
        description: undefined,
        examplePrompts: [],
      },
      tokenizer: new Tokenizer(json, {}),
      prompts,
    },
    createToyEngine({ model: createToyModel({ vocabularySize, endBias: 5, scale: 2 }), capacity: 4096 }),
    { earlyRejection: true, prefetch: false, memo: undefined },
  );
  const server = await createTestApp({ completer });
  const ask = (body: object) =>
    server.post("/v1/chat/completions", {
      messages: [{ role: "user", content: "Add." }],
      tools,
      max_tokens: 400,
      ...body,
    });
  return {
    ...server,
    ask,
    chat: async (body: object): Promise<ChatResponse["choices"]> => {
      const reply = await ask(body);
      expect(reply.status, reply.text).toBe(200);
      return (reply.json() as ChatResponse).choices;
    },
  };
}

const digits = { type: "integer", minimum: 0, maximum: 9 };
const add = {
  type: "function",
  function: {
    name: "add",
    parameters: { type: "object", properties: { a: digits, b: digits }, required: ["a", "b"] },
    strict: true,
  },
};
const stop = {
  type: "function",
  function: { name: "stop", parameters: { type: "object", properties: {} }, strict: true },
};
const tools = [add, stop];

function expectCalls(message: ChatResponse["choices"][number]["message"]): void {
  for (const { function: called } of message.tool_calls ?? []) {
    const given = JSON.parse(called.arguments) as Record<string, number>;
    if (called.name === "stop") expect(given).toEqual({});
    else {
      expect(called.name).toBe("add");
      expect(Object.keys(given).sort()).toEqual(["a", "b"]);
      for (const value of Object.values(given)) expect([...Array(10).keys()]).toContain(value);
    }
  }
}

const fixture = (name: string): string => `test/fixtures/jinja/templates/${name}.jinja`;
const templates: readonly [string, string][] = [
  ["Hermes", "templates/chatml-tools.jinja"],
  ["Llama 3", fixture("llama3_1")],
  ["Mistral", fixture("mistral_v3_tekken")],
  ["newer Mistral", fixture("mistralai-Ministral-3-14B-Reasoning-2512")],
];

describe.each(templates)("a model of %s", (_, template) => {
  it.each([{ sampler: "standard" }, { sampler: "power", alpha: 2, mcmc_steps: 1 }, { sampler: "greedy" }])(
    "calls a tool where it has to: %j",
    async (sampler) => {
      await using server = await serverOf(template);
      for (let seed = 0; seed < 2; seed++) {
        const [{ message, finish_reason: reason }] = (await server.chat({
          ...sampler,
          seed,
          tool_choice: "required",
          parallel_tool_calls: false,
        })) as [ChatResponse["choices"][number]];
        expect(reason).toBe("tool_calls");
        expect(message.content).toBeNull();
        expect(message.tool_calls).toHaveLength(1);
        expectCalls(message);
      }
    },
  );

  it("says that what holds other answers holds none that has to call a tool", async () => {
    await using server = await serverOf(template);
    const format = { type: "json_schema", json_schema: { name: "answer", schema: digits } };
    const reply = await server.ask({ tool_choice: "required", response_format: format });
    const answer = reply.json() as ChatResponse;
    expect(answer.ignored).toEqual(["response_format"]);
    expectCalls(answer.choices[0]!.message);
    const either = await server.ask({ tool_choice: "auto", response_format: format });
    expect(either.json()).not.toHaveProperty("ignored");
  });

  it("calls the one that it has to", async () => {
    await using server = await serverOf(template);
    for (const name of ["add", "stop"]) {
      const choice = { type: "function", function: { name } };
      const [{ message }] = (await server.chat({ tool_choice: choice })) as [ChatResponse["choices"][number]];
      expect(message.tool_calls!.map(({ function: called }) => called.name)).toEqual([name]);
      expectCalls(message);
    }
  });

  it("says what it likes, or calls a tool as its schema has it", async () => {
    await using server = await serverOf(template);
    for (let seed = 0; seed < 3; seed++) {
      const [{ message, finish_reason: reason }] = (await server.chat({ seed, max_tokens: 200 })) as [
        ChatResponse["choices"][number],
      ];
      expect(reason).not.toBe("length");
      expectCalls(message);
    }
  });

  it("calls a tool, or answers as it is held to", async () => {
    await using server = await serverOf(template);
    const schema = { type: "object", properties: { name: { enum: ["Ada", "Tom"] } }, required: ["name"] };
    const response_format = { type: "json_schema", json_schema: { name: "person", schema } };
    let answered = 0;
    for (let seed = 0; seed < 6; seed++) {
      const [{ message }] = (await server.chat({ seed, response_format })) as [
        ChatResponse["choices"][number],
      ];
      expectCalls(message);
      if (message.tool_calls !== undefined) continue;
      answered++;
      expect(["Ada", "Tom"]).toContain((JSON.parse(message.content!) as { name: string }).name);
    }
    expect(answered).toBeGreaterThan(0);
  });
});

it("streams the call that it has to make", async () => {
  await using server = await serverOf("templates/chatml-tools.jinja");
  const reply = await server.ask({ tool_choice: "required", stream: true, seed: 1 });
  const chunks = parseEvents(reply.text) as unknown as ChatChunk[];
  const calls = chunks.flatMap(({ choices: [choice] }) => choice?.delta.tool_calls ?? []);
  const names = calls.flatMap(({ function: { name } }) => name ?? []);
  expect(names.length).toBeGreaterThan(0);
  expect(chunks.at(-1)!.choices[0]!.finish_reason).toBe("tool_calls");
});

/** A tool that arguments cannot be held to the schema of, where they have to be. */
const unkept = (strict: boolean) => ({
  type: "function",
  function: {
    name: "list",
    parameters: { type: "object", properties: { of: { type: "array", uniqueItems: true } } },
    strict,
  },
});
/** One of whose members alone is to hold, which is not sure. */
const overlapping = {
  type: "function",
  function: {
    name: "pick",
    parameters: {
      type: "object",
      properties: { n: { oneOf: [{ type: "integer" }, { type: "integer", minimum: 3 }] } },
      required: ["n"],
    },
    strict: true,
  },
};
const schema = { type: "array", uniqueItems: true };
const format = { type: "json_schema", json_schema: { name: "f", schema } };
const choose = (name: string) => ({ type: "function", function: { name } });

/** A chat's body as the Responses API has it: tools and choices are flat. */
const asResponse = ({ tools: given, tool_choice: choice, response_format: said, ...body }: ChatBody) => ({
  ...body,
  tools: given?.map(({ function: flat, ...tool }) => ({ ...tool, ...flat })),
  tool_choice: typeof choice === "object" ? { type: choice.type, ...choice.function } : choice,
  text: said && { format: { type: said.type, ...said.json_schema } },
});

interface ChatBody {
  readonly tools?: readonly { readonly type: string; readonly function: object }[];
  readonly tool_choice?: string | { readonly type: string; readonly function: object };
  readonly response_format?: { readonly type: string; readonly json_schema: object };
  readonly ignore_eos?: boolean;
  readonly min_tokens?: number;
}

describe("a call is refused", () => {
  // By the names of chats, and of responses.
  it.each<[string, ChatBody, readonly [string, string], RegExp]>([
    ["of a tool that is not there", { tool_choice: choose("f") }, ["tool_choice", "tool_choice"], /'f'/],
    [
      "whose schema cannot be kept to",
      { tools: [unkept(true)] },
      ["tools.0.function.parameters", "tools.0.parameters"],
      /uniqueItems/,
    ],
    [
      "of the very tool whose schema cannot be kept to, of several",
      { tools: [stop, add, unkept(true)] },
      ["tools.2.function.parameters", "tools.2.parameters"],
      /uniqueItems/,
    ],
    [
      "of the one whose schema is not sure to exclude",
      { tools: [stop, overlapping] },
      ["tools.1.function.parameters", "tools.1.parameters"],
      /oneOf/,
    ],
    [
      "that has to be made, of a tool whose schema cannot be kept to",
      { tools: [stop, unkept(false)], tool_choice: "required" },
      ["tools.1.function.parameters", "tools.1.parameters"],
      /uniqueItems/,
    ],
    [
      "that has to be of a tool whose schema cannot be kept to",
      { tools: [add, stop, unkept(false)], tool_choice: choose("list") },
      ["tools.2.function.parameters", "tools.2.parameters"],
      /uniqueItems/,
    ],
    [
      "beside an answer that is held to something else",
      {
        tools: [stop, unkept(true)],
        response_format: { ...format, json_schema: { name: "f", schema: { type: "integer" } } },
      },
      ["tools.1.function.parameters", "tools.1.parameters"],
      /uniqueItems/,
    ],
    [
      "beside an answer that cannot be held to its schema",
      { response_format: format },
      ["response_format", "text.format.schema"],
      /uniqueItems/,
    ],
    [
      "of two tools of one name",
      { tools: [stop, add, add] },
      ["tools.2.function.name", "tools.2.name"],
      /'add'/,
    ],
    [
      "of a tool of an odd name",
      { tools: [stop, { type: "function", function: { name: "a b" } }] },
      ["tools.1.function.name", "tools.1.name"],
      /letters/,
    ],
    [
      "where it has to be made, with ignore_eos",
      { tool_choice: "required", ignore_eos: true },
      ["ignore_eos", "ignore_eos"],
      /tool_choice/,
    ],
    [
      "together with ignore_eos",
      { tools: [{ type: "function", function: { name: "f" } }, add], ignore_eos: true },
      ["ignore_eos", "ignore_eos"],
      /with tools\.1\.(function\.)?parameters,/,
    ],
  ])("%s", async (_, body, [ofChats, ofResponses], message) => {
    await using server = await serverOf("templates/chatml-tools.jinja");
    const refuse = async (path: string, asked: object): Promise<{ param: string; message: string }> => {
      const reply = await server.post(path, asked);
      expect(reply.status).toBe(400);
      const { error } = reply.json() as { error: { param: string; message: string } };
      expect(error.message).toMatch(message);
      const streamed = await server.post(path, { ...asked, stream: true });
      expect([streamed.status, streamed.json()]).toEqual([400, { error }]);
      return error;
    };
    const messages = [{ role: "user", content: "Add." }];
    const chat = await refuse("/v1/chat/completions", { messages, tools, ...body });
    expect(chat.param).toBe(ofChats);
    const response = await refuse("/v1/responses", { input: "Add.", ...asResponse({ tools, ...body }) });
    expect(response.param).toBe(ofResponses);
    expect(response.message).not.toMatch(/function\.|response_format/);
  });
});
