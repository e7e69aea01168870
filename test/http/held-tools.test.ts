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
        examplePrompt: undefined,
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
const unkept = {
  type: "function",
  function: {
    name: "list",
    parameters: { type: "object", properties: { of: { type: "array", uniqueItems: true } } },
  },
};

describe("a call is refused", () => {
  it.each<[string, object, string, RegExp]>([
    [
      "of a tool that is not there",
      { tool_choice: { type: "function", function: { name: "f" } } },
      "tool_choice",
      /'f'/,
    ],
    [
      "whose schema cannot be kept to",
      {
        tools: [{ ...add, function: { ...add.function, parameters: { type: "array", uniqueItems: true } } }],
      },
      "tools.0.function.parameters",
      /uniqueItems/,
    ],
    [
      "that has to be made, of a tool whose schema cannot be kept to",
      { tools: [stop, unkept], tool_choice: "required" },
      "tool_choice",
      /uniqueItems/,
    ],
    [
      "that has to be of a tool whose schema cannot be kept to",
      { tools: [stop, unkept], tool_choice: { type: "function", function: { name: "list" } } },
      "tool_choice",
      /uniqueItems/,
    ],
    ["together with ignore_eos", { tool_choice: "required", ignore_eos: true }, "ignore_eos", /tool_choice/],
  ])("%s", async (_, body, param, message) => {
    await using server = await serverOf("templates/chatml-tools.jinja");
    const reply = await server.ask(body);
    const { error } = reply.json() as { error: { param: string; message: string } };
    expect(reply.status).toBe(400);
    expect(error.param).toBe(param);
    expect(error.message).toMatch(message);
    const streamed = await server.ask({ ...body, stream: true });
    expect([streamed.status, streamed.json()]).toEqual([400, { error }]);
  });
});
