import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createTestApp, parseEvents } from "../support/embedded.ts";
import { openWatcher } from "../support/watcher.ts";

/** What clients send without being asked to, and what is said of it. */

let server: Awaited<ReturnType<typeof createTestApp>>;
beforeAll(async () => {
  server = await createTestApp();
});
afterAll(() => server[Symbol.asyncDispose]());

const messages = [{ role: "user", content: "7-2*3+4=" }];
const endpoints = [
  ["/v1/chat/completions", { messages }],
  ["/v1/completions", { prompt: "7-2*3+4=" }],
] as const;

interface Answer {
  readonly choices: readonly { readonly text?: string; readonly message?: { readonly content: string } }[];
  readonly ignored?: readonly string[];
  readonly error?: { readonly code: string; readonly param: string; readonly message: string };
}

async function post(url: string, body: object): Promise<{ status: number; answer: Answer; header: unknown }> {
  const reply = await server.post(url, { seed: 5, max_tokens: 24, ...body });
  return { status: reply.status, answer: reply.json(), header: reply.headers["x-ignored-fields"] };
}

const textOf = ({ choices: [choice] }: Answer): string | undefined =>
  choice!.text ?? choice!.message?.content;

describe("null is nothing", () => {
  const nullable = `
    model frequency_penalty presence_penalty repetition_penalty logit_bias logprobs n seed stop stream stream_options
    temperature top_p top_k min_p min_tokens user metadata store safety_identifier prompt_cache_key service_tier
    prompt_cache_retention prompt_cache_options response_format structured_outputs guided_json guided_regex stop_token_ids
    ignore_eos skip_special_tokens spaces_between_special_tokens add_special_tokens truncate_prompt_tokens priority sampler
    alpha mcmc_steps echo suffix best_of audio web_search_options tools tool_choice functions function_call modalities
    prediction verbosity reasoning_effort parallel_tool_calls max_completion_tokens top_logprobs documents
    some_field_of_the_next_year cache_salt vllm_xargs`
    .trim()
    .split(/\s+/);

  it.each(endpoints)("in any field of %s, known or not", async (url, body) => {
    const plain = await post(url, body);
    for (const name of nullable) {
      const { status, answer, header } = await post(url, {
        ...body,
        seed: 5,
        ...(name === "seed" ? {} : { [name]: null }),
      });
      expect(status, `${name}: ${JSON.stringify(answer)}`).toBe(200);
      expect(textOf(answer), name).toBe(textOf(plain.answer));
      expect(answer, name).not.toHaveProperty("ignored");
      expect(header).toBeUndefined();
    }
    const all = Object.fromEntries(nullable.filter((name) => name !== "seed").map((name) => [name, null]));
    expect((await post(url, { ...body, ...all })).status).toBe(200);
  });

  it.each([
    { stream_options: { include_usage: null } },
    { stream_options: { include_usage: null, include_obfuscation: null, some_field: null } },
    { stream_options: {} },
    { stream_options: { include_usage: false } },
    { stop: [null] },
    { stop: [";;", null] },
    {
      messages: [
        { ...messages[0], name: null, tool_calls: null, tool_call_id: null, refusal: null, x: null },
      ],
    },
    {
      messages: [
        { role: "user", content: [{ type: "text", text: "7-2*3+4=", cache_control: null, x: null }] },
      ],
    },
    { messages: [{ role: "assistant", content: null }, ...messages] },
  ])("within %j", async (body) => {
    const { status, answer } = await post("/v1/chat/completions", { messages, ...body });
    expect(status, JSON.stringify(answer)).toBe(200);
    expect(textOf(answer)).toBe(textOf((await post("/v1/chat/completions", { messages })).answer));
  });

  it("of /tokenize and /detokenize, and over a WebSocket", async () => {
    const ids = await server.post("/tokenize", { prompt: "1+1=", content: null, chat_template: null });
    expect(ids.json()).toMatchObject({ count: 4 });
    expect((await server.post("/detokenize", { tokens: [1], x: null })).status).toBe(200);
    const watcher = await openWatcher(server.app);
    watcher.send({
      id: "a",
      prompt: "1+1=",
      stream: null,
      stream_options: null,
      events: null,
      sampler: null,
      x: null,
    });
    expect(await watcher.end("a")).toMatchObject({ type: "done" });
    watcher.socket.terminate();
  });

  it("but for what is needed", async () => {
    expect((await post("/v1/completions", { prompt: null })).answer.error!.param).toBe("prompt");
    expect((await post("/v1/chat/completions", { messages: null })).answer.error!.param).toBe("messages");
    const nested = await post("/v1/chat/completions", { messages: [{ role: null, content: "1" }] });
    expect(nested.answer.error!.param).toBe("messages.0.role");
  });

  it.each([
    [{ x: 1 }, "x"],
    [{ x: null, y: 0 }, "y"],
    [{ x: false, y: "" }, "x"],
    [{ stream: true, stream_options: { x: true } }, "stream_options.x"],
    [{ constructor: 1 }, "constructor"],
  ])("and other values of unknown fields are refused: %j", async (body, param) => {
    for (const [url, prompt] of endpoints) {
      const { status, answer } = await post(url, { ...prompt, ...body });
      expect(status).toBe(400);
      expect(answer.error).toMatchObject({ param, code: "unsupported" });
      expect(answer.error!.message).toContain("Unsupported field");
    }
  });
});

describe("known fields that ask for nothing here", () => {
  const chatAlone = [
    { parallel_tool_calls: false },
    { tools: [], tool_choice: "auto" },
    { tool_choice: "none" },
    { functions: [], function_call: "none" },
    { modalities: ["text"] },
    { include_reasoning: true },
    { continue_final_message: false },
    { echo: false },
    { top_logprobs: 0 },
    { logprobs: false, top_logprobs: 0 },
    { add_special_tokens: false },
    { documents: [] },
  ];
  const both = [
    { prompt_cache_retention: "24h", prompt_cache_key: "k", prompt_cache_options: { mode: "implicit" } },
    {
      safety_identifier: "s",
      metadata: { a: "b" },
      store: true,
      user: "u",
      request_id: "r",
      session_id: "s",
    },
    { stream_options: { include_obfuscation: false } },
    { stream_options: { include_obfuscation: true, continuous_usage_stats: false } },
    { skip_special_tokens: true, spaces_between_special_tokens: true, include_stop_str_in_output: false },
    { response_format: { type: "text" } },
    { use_beam_search: false, length_penalty: 1, bad_words: [], allowed_token_ids: [], vllm_xargs: {} },
    { priority: 0, service_tier: "auto" },
    { truncation_side: "left", stream_interval: 1, thinking_token_budget: -1 },
    { stop: [], stop_token_ids: [], logit_bias: {} },
  ];
  it.each([
    ...chatAlone.map((body) => [endpoints[0], body] as const),
    ...both.flatMap((body) => endpoints.map((endpoint) => [endpoint, body] as const)),
  ])("%j: %j", async ([url, prompt], body) => {
    const { status, answer } = await post(url, { ...prompt, ...body });
    expect(status, JSON.stringify(answer)).toBe(200);
    expect(textOf(answer)).toBe(textOf((await post(url, prompt)).answer));
    expect(answer).not.toHaveProperty("ignored");
  });

  it.each([
    [{ verbosity: "high" }, ["verbosity"]],
    [{ reasoning_effort: "low" }, ["reasoning_effort"]],
    [{ prediction: { type: "content", content: "2*3" } }, ["prediction"]],
    [
      { verbosity: "low", reasoning_effort: "none", model: "abacus:power", temperature: 0.3 },
      ["temperature", "reasoning_effort", "verbosity"],
    ],
  ])("or would elsewhere, and are named: %j", async (body, names) => {
    const { status, answer, header } = await post("/v1/chat/completions", { messages, ...body });
    expect(status).toBe(200);
    expect(answer.ignored).toEqual(names);
    expect(header).toBe(names.join(", "));
  });

  it("of a conversation in which tools were called", async () => {
    const history = [
      ...messages,
      {
        role: "assistant",
        content: null,
        refusal: null,
        annotations: [],
        tool_calls: [{ id: "c", type: "function", function: { name: "add", arguments: '{"a":1}' } }],
      },
      { role: "tool", tool_call_id: "c", content: "1" },
    ];
    expect((await post("/v1/chat/completions", { messages: history })).status).toBe(200);
    const tools = [{ type: "function", function: { name: "add", parameters: { type: "object" } } }];
    const shown = await post("/v1/chat/completions", { messages: history, tools, tool_choice: "none" });
    expect(shown.status).toBe(200);
  });

  it.each([
    [{ tools: [{ type: "function", function: { name: "f" } }] }, "tools"],
    [{ tools: [{ type: "function", function: { name: "f" } }], tool_choice: "auto" }, "tools"],
    [{ tool_choice: "required" }, "tool_choice"],
    [{ response_format: { type: "structural_tag" } }, "response_format.type"],
    [{ structured_outputs: { structural_tag: "{}" } }, "structured_outputs.structural_tag"],
    [{ modalities: ["text", "audio"] }, "modalities"],
    [{ audio: { voice: "alloy", format: "wav" } }, "audio"],
    [{ web_search_options: {} }, "web_search_options"],
    [{ moderation: { model: "m" } }, "moderation"],
    [{ skip_special_tokens: false }, "skip_special_tokens"],
    [{ include_stop_str_in_output: true }, "include_stop_str_in_output"],
    [{ bad_words: ["1"] }, "bad_words"],
    [{ truncate_prompt_tokens: 4 }, "truncate_prompt_tokens"],
    [{ continue_final_message: true }, "continue_final_message"],
    [{ cache_salt: "s" }, "cache_salt"],
    [{ priority: 1 }, "priority"],
    [{ stream_options: { continuous_usage_stats: true } }, "stream_options"],
    [{ messages: [{ role: "assistant", content: "1", audio: { id: "a" } }] }, "messages.0.audio"],
    [
      { messages: [{ role: "assistant", function_call: { name: "f", arguments: "" } }] },
      "messages.0.function_call",
    ],
  ])("but what asks for something is refused by name: %j", async (body, param) => {
    const { status, answer } = await post("/v1/chat/completions", { messages, ...body });
    expect(status).toBe(400);
    expect(answer.error!.param).toBe(param);
  });
});

describe("a sampler that the request does not name", () => {
  const unasked = {
    temperature: 0.7,
    top_p: 0.95,
    top_k: 40,
    min_p: 0.05,
    presence_penalty: 0.1,
    frequency_penalty: 0.2,
    repetition_penalty: 1.1,
  };
  const names = Object.keys(unasked);

  it.each(["power", "greedy", "low_temperature", "smc", "maximize"])(
    "lets be what means nothing to %s, by the model's name or by the server's, and names it",
    async (sampler) => {
      await using chosen = await createTestApp({
        completer: server.completer,
        defaultSampler: sampler as "power",
      }).then(({ app, post: postTo }) => ({ post: postTo, [Symbol.asyncDispose]: () => app.close() }));
      const small = { seed: 5, max_tokens: 8 };
      for (const [url, prompt] of endpoints) {
        const plain = (await server.post(url, { ...prompt, ...small, sampler })).json() as Answer;
        for (const reply of [
          await server.post(url, { ...prompt, ...small, ...unasked, model: `abacus:${sampler}` }),
          await chosen.post(url, { ...prompt, ...small, ...unasked }),
          await chosen.post(url, { ...prompt, ...small, ...unasked, model: "abacus" }),
        ]) {
          expect(reply.status, reply.text).toBe(200);
          const answer = reply.json() as Answer;
          expect([...answer.ignored!].sort()).toEqual([...names].sort());
          expect(reply.headers["x-ignored-fields"]).toBe(answer.ignored!.join(", "));
          expect(textOf(answer)).toBe(textOf(plain));
        }
        for (const [name, value] of Object.entries(unasked)) {
          for (const refused of [
            await server.post(url, { ...prompt, ...small, sampler, [name]: value }),
            await server.post(url, {
              ...prompt,
              ...small,
              sampler,
              model: `abacus:${sampler}`,
              [name]: value,
            }),
            await chosen.post(url, { ...prompt, ...small, sampler, [name]: value }),
          ]) {
            expect(refused.status, name).toBe(400);
            expect(refused.json()).toMatchObject({ error: { param: name } });
          }
        }
      }
    },
  );

  it("names no field that has its effect, nor one that says what holds anyway", async () => {
    const [, body] = endpoints[1];
    expect((await post("/v1/completions", { ...body, ...unasked })).answer).not.toHaveProperty("ignored");
    const neutral = {
      temperature: 1,
      top_p: 1,
      top_k: -1,
      min_p: 0,
      presence_penalty: 0,
      repetition_penalty: 1,
    };
    const power = await post("/v1/completions", { ...body, model: "abacus:power", ...neutral });
    expect(power.status).toBe(200);
    expect(power.answer).not.toHaveProperty("ignored");
  });

  const refuses = async (body: object, param: string): Promise<void> => {
    const { status, answer } = await post("/v1/completions", {
      prompt: "1+1=",
      model: "abacus:power",
      ...body,
    });
    expect(status).toBe(400);
    expect(answer.error!.param).toBe(param);
  };

  it.each([
    [{ temperature: -1 }, "temperature"],
    [{ temperature: "hot" }, "temperature"],
    [{ top_p: 1.5 }, "top_p"],
    [{ presence_penalty: 3 }, "presence_penalty"],
    [{ top_k: 0.5 }, "top_k"],
  ])("refuses values out of range all the same: %j", refuses);

  it.each([
    [{ logit_bias: { 3: 1 } }, "logit_bias"],
    [{ min_tokens: 3 }, "min_tokens"],
    [{ particles: 8 }, "particles"],
  ])("refuses what no client sends unasked: %j", refuses);

  it("names them in every chunk of a stream, and over a WebSocket", async () => {
    for (const [url, prompt] of endpoints) {
      const reply = await server.post(url, {
        ...prompt,
        model: "abacus:power",
        temperature: 0.1,
        max_tokens: 4,
        stream: true,
        stream_options: { include_usage: true },
      });
      expect(reply.headers["x-ignored-fields"]).toBe("temperature");
      const chunks = parseEvents(reply.text);
      expect(chunks.length).toBeGreaterThan(1);
      for (const chunk of chunks) expect(chunk.ignored).toEqual(["temperature"]);
    }
    const watcher = await openWatcher(server.app);
    watcher.send({ id: "a", prompt: "1+1=", model: "abacus:power", top_p: 0.9, max_tokens: 4 });
    expect(await watcher.end("a")).toMatchObject({ type: "done", response: { ignored: ["top_p"] } });
    watcher.socket.terminate();
  });
});

describe("usage in a stream", () => {
  interface Chunk {
    usage?: { completion_tokens: number } | null;
    choices: unknown[];
  }
  const chunksOf = async (url: string, body: object): Promise<Chunk[]> =>
    parseEvents((await server.post(url, { stream: true, seed: 1, ...body })).text) as unknown as Chunk[];

  it.each(endpoints)("is null until it comes, of %s", async (url, prompt) => {
    for (const n of [1, 3]) {
      const chunks = await chunksOf(url, { ...prompt, n, stream_options: { include_usage: true } });
      const last = chunks.pop()!;
      expect(last.choices).toEqual([]);
      expect(last.usage!.completion_tokens).toBeGreaterThan(0);
      for (const chunk of chunks) expect(chunk.usage).toBeNull();
    }
    for (const stream_options of [undefined, null, { include_usage: false }]) {
      for (const chunk of await chunksOf(url, { ...prompt, stream_options }))
        expect(chunk).not.toHaveProperty("usage");
    }
  });

  it.each(endpoints)("is in every chunk with continuous_usage_stats, of %s", async (url, prompt) => {
    const stream_options = { include_usage: true, continuous_usage_stats: true };
    const chunks = await chunksOf(url, { ...prompt, stream_options });
    const counts = chunks.map(({ usage }) => usage!.completion_tokens);
    expect(counts).toEqual([...counts].sort((a, b) => a - b));
    expect(counts[0]).toBeLessThan(2);
    expect(counts.at(-1)).toBeGreaterThan(4);
    expect(chunks.at(-1)!.choices).toEqual([]);
    const alone = await chunksOf(url, { ...prompt, stream_options: { continuous_usage_stats: true } });
    expect(alone.at(-1)!.choices).toHaveLength(1);
    expect(alone.at(-1)!.usage!.completion_tokens).toBe(counts.at(-1));
  });
});

describe("the roles of a stream", () => {
  it.each([
    [1, {}],
    [2, { sampler: "greedy" }],
    [5, {}],
    [5, { sampler: "power", mcmc_steps: 1, stream_options: { include_progress: true } }],
    [16, { logprobs: true }],
  ])("come first and in order for n = %i, %j", async (n, body) => {
    for (let seed = 0; seed < 4; seed++) {
      const reply = await server.post("/v1/chat/completions", { messages, n, seed, stream: true, ...body });
      interface Choice {
        index: number;
        delta: { role?: string; content?: string };
        finish_reason: string | null;
      }
      const choices = parseEvents(reply.text).flatMap(({ choices }) => choices as Choice[]);
      expect(choices.slice(0, n).map(({ index, delta }) => ({ index, delta }))).toEqual(
        Array.from({ length: n }, (_, index) => ({ index, delta: { role: "assistant", content: "" } })),
      );
      const rest = choices.slice(n);
      expect(rest.some(({ delta }) => delta.role !== undefined)).toBe(false);
      for (let index = 0; index < n; index++) {
        const own = rest.filter((choice) => choice.index === index);
        expect(own.map(({ finish_reason }) => finish_reason !== null)).toEqual(
          own.map((_, place) => place === own.length - 1),
        );
        expect(own.at(-1)!.delta).toEqual({});
      }
    }
  });
});

describe("temperatures", () => {
  it("down to 0 are fine, and greedy in the end", async () => {
    const greedy = await post("/v1/completions", { prompt: "7-2*3+4=", sampler: "greedy" });
    for (const temperature of [0, 5e-324, 1e-300, 1e-30, 1e-9, 9e-6, 1e-5, 1e-4]) {
      for (const extra of [{}, { top_p: 0.9 }, { min_p: 0.1, top_k: 3 }, { logit_bias: { 3: 0 } }]) {
        const { status, answer } = await post("/v1/completions", {
          prompt: "7-2*3+4=",
          temperature,
          logprobs: 2,
          logprobs_mode: "sampled",
          ...extra,
        });
        expect(status, `${temperature}: ${JSON.stringify(answer)}`).toBe(200);
        expect(textOf(answer)).toBe(textOf(greedy.answer));
      }
    }
  });

  it.each([
    { sampler: "standard", temperature: 100 },
    { sampler: "standard", top_p: 0 },
    {
      sampler: "standard",
      temperature: 1e-5,
      repetition_penalty: 100,
      presence_penalty: 2,
      logit_bias: { 3: 100 },
    },
    { sampler: "low_temperature", alpha: 1000 },
    { sampler: "power", alpha: 1000, mcmc_steps: 2 },
    { sampler: "power", alpha: 1000, proposal_temperature: 0.001, mcmc_steps: 2 },
    { sampler: "power", alpha: 1000, proposal_temperature: 100, mcmc_steps: 2 },
    { sampler: "power", alpha: 1000, kernel: "tempering", replicas: 16, mcmc_steps: 2 },
    { sampler: "power", alpha: 1000, kernel: "multiple_try", tries: 8, mcmc_steps: 2 },
    { sampler: "smc", alpha: 1000, particles: 4 },
    { sampler: "smc", alpha: 1000, proposal_temperature: 100, particles: 4 },
    { sampler: "maximize", proposal_temperature: 0.001, mcmc_steps: 2 },
  ])("and all else at its extremes gives numbers: %j", async (body) => {
    const reply = await server.post("/v1/completions", {
      prompt: "7-2*3+4=",
      max_tokens: 12,
      seed: 1,
      logprobs: 2,
      logprobs_mode: "sampled",
      ...body,
    });
    expect(reply.status, reply.text).toBe(200);
    expect(reply.text).not.toMatch(/NaN|Infinity/);
  });
});
