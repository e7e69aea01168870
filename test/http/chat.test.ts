import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bytePrompts } from "../support/byte-tokenizer.ts";
import { ChatTemplate, readChatTemplate } from "../../src/decoder/chat-template.ts";
import type { ChatResponse } from "../../src/server/schemas/chat.ts";
import type { ChatChunk } from "../../src/server/schemas/chunks.ts";
import { createTestApp, parseEvents } from "../support/embedded.ts";

let server: Awaited<ReturnType<typeof createTestApp>>;
beforeAll(async () => {
  server = await createTestApp();
});
afterAll(() => server[Symbol.asyncDispose]());

const messages = [{ role: "user", content: "7-2*3+4=" }];

async function chat(body: object): Promise<ChatResponse> {
  const reply = await server.post("/v1/chat/completions", { messages, ...body });
  expect(reply.status, reply.text).toBe(200);
  return reply.json();
}

const complete = (body: object) => server.complete({ prompt: "7-2*3+4=", ...body });

describe("POST /v1/chat/completions", () => {
  it("answers what completions answers to the templated prompt, with content as text or parts", async () => {
    for (const sampler of ["power", "standard", "greedy"]) {
      const { choices, object, usage } = await chat({ sampler, seed: 1 });
      const plain = await complete({ sampler, seed: 1 });
      expect(object).toBe("chat.completion");
      expect(choices[0]!.message).toEqual({
        role: "assistant",
        content: plain.choices[0]!.text,
        refusal: null,
      });
      expect(choices[0]!.finish_reason).toBe("stop");
      expect(usage).toEqual(plain.usage);
      const parts = [
        {
          role: "user",
          content: [
            { type: "text", text: "7-2*" },
            { type: "text", text: "3+4=" },
          ],
        },
      ];
      expect((await chat({ sampler, seed: 1, messages: parts })).choices[0]!.message).toEqual(
        choices[0]!.message,
      );
    }
  });

  it("reports log-probs in the chat shape, with bytes and the same floats", async () => {
    const { choices } = await chat({ sampler: "greedy", logprobs: true, top_logprobs: 2 });
    const plain = await complete({ sampler: "greedy", logprobs: 2 });
    const content = choices[0]!.logprobs!.content;
    expect(content.map(({ token }) => token)).toEqual(plain.choices[0]!.logprobs!.tokens);
    for (const { token, logprob, bytes, top_logprobs } of content) {
      expect(bytes).toEqual([...new TextEncoder().encode(token)]);
      expect(top_logprobs).toHaveLength(2);
      expect(top_logprobs[0]).toEqual({ token, logprob, bytes });
    }
    expect((await chat({ logprobs: true })).choices[0]!.logprobs!.content[0]!.top_logprobs).toEqual([]);
    expect((await chat({ logprobs: false })).choices[0]!.logprobs).toBeNull();
  });

  it("streams deltas, the role first and the finish last", async () => {
    const body = {
      messages,
      sampler: "power",
      seed: 3,
      n: 2,
      stream: true,
      stream_options: { include_usage: true },
    };
    const chunks = parseEvents(
      (await server.post("/v1/chat/completions", body)).text,
    ) as unknown as ChatChunk[];
    const whole = await chat({ sampler: "power", seed: 3, n: 2 });
    expect(chunks.pop()).toMatchObject({ choices: [], usage: whole.usage });
    for (const { index, message, finish_reason } of whole.choices) {
      const own = chunks.flatMap(({ choices }) => choices).filter((choice) => choice.index === index);
      expect(own.map(({ delta }) => delta.content ?? "").join("")).toBe(message.content);
      expect(own.map(({ delta }) => delta.role)).toEqual(["assistant", ...own.slice(1).map(() => undefined)]);
      expect(own.at(-1)).toMatchObject({ delta: {}, finish_reason });
    }
  });

  it("takes max_completion_tokens before max_tokens, and neutral values of what it has not", async () => {
    const { choices, usage } = await chat({
      max_tokens: 9,
      max_completion_tokens: 3,
      tools: [],
      tool_choice: "auto",
      response_format: { type: "text" },
      functions: null,
      presence_penalty: 0,
      frequency_penalty: 0,
      logit_bias: {},
      user: "u",
      store: false,
      metadata: { a: "b" },
    });
    expect(usage.completion_tokens).toBe(3);
    expect(choices[0]!.finish_reason).toBe("length");
  });

  it.each([
    [{ tools: [{ type: "function", function: { name: "f" } }] }, "tools", /shows its model no tools/],
    [{ response_format: { type: "json_object" } }, "response_format", /no text at all/],
    [{ presence_penalty: 3 }, "presence_penalty", /2/],
    [{ sampler: "power", presence_penalty: 0.5 }, "presence_penalty", /sampler 'power'/],
    [{ sampler: "power", logit_bias: { 3: 1 } }, "logit_bias", /sampler 'power'/],
    [{ logit_bias: { 99: 1 } }, "logit_bias", /vocabulary/],
    [{ min_tokens: 3, stop: "x" }, "min_tokens", /stop/],
    [{ min_tokens: 3, stop_token_ids: [...Array(18).keys()] }, "min_tokens", /stop_token_ids/],
    [{ messages: [] }, "messages", />=1/],
    [
      { messages: [{ role: "user", content: [{ type: "image_url", image_url: {} }] }] },
      "messages.0.content",
      /text parts/,
    ],
    [{ messages: [{ role: "wizard", content: "1+1=" }] }, "messages.0.role", /system/],
    [{ messages: [{ role: "user", content: "" }] }, "messages", /prompt is empty/],
    [{ top_logprobs: 2 }, "top_logprobs", /logprobs: true/],
    [{ logprobs: 2 }, "logprobs", /boolean/],
    [{ sampler: "power", top_p: 0.5 }, "top_p", /sampler 'power'/],
    [{ audio: { voice: "alloy" } }, "audio", /not supported/],
    [{ voice: "alloy" }, "voice", /Unsupported field/],
  ])("refuses %j, naming the field", async (body, param, message) => {
    const reply = await server.post("/v1/chat/completions", { messages, ...body });
    const { error } = reply.json() as { error: { param: string; message: string } };
    expect({ status: reply.status, param: error.param }).toEqual({ status: 400, param });
    expect(error.message).toMatch(message);
  });

  it("says what to do when the model has no template", async () => {
    const { completer } = server;
    const bare = await createTestApp({
      completer: Object.create(completer, { prompts: { value: bytePrompts() } }) as typeof completer,
    });
    const reply = await bare.post("/v1/chat/completions", { messages });
    expect(reply.status).toBe(400);
    expect(reply.text).toContain("--chat-template");
    await bare.app.close();
  });
});

describe("ChatTemplate", () => {
  const config = { bos_token: { content: "<s>", lstrip: false }, eos_token: "</s>" };

  it("renders conversations with the model's special tokens", () => {
    const template = new ChatTemplate(
      "{{ bos_token }}{% for m in messages %}[{{ m.role }}]{{ m.content }}{{ eos_token }}{% endfor %}{% if add_generation_prompt %}[assistant]{% endif %}",
      config,
    );
    expect(template.render([{ role: "user", content: "hi" }], { addGenerationPrompt: true })).toBe(
      "<s>[user]hi</s>[assistant]",
    );
  });

  it("finds the default of several, and passes a template's own refusal on", () => {
    expect(readChatTemplate({})).toBeUndefined();
    const refusing = readChatTemplate({
      chat_template: [
        { name: "tool_use", template: "x" },
        { name: "default", template: "{{ raise_exception('no system role') }}" },
      ],
    })!;
    expect(() => refusing.render([{ role: "system", content: "" }], { addGenerationPrompt: true })).toThrow(
      /no system role/,
    );
    expect(() => new ChatTemplate("{% for", {})).toThrow(/cannot be read/);
  });
});

describe("fields beyond OpenAI's", () => {
  it("ends at stop_token_ids and goes on after ignored ends", async () => {
    const stopped = await complete({ sampler: "greedy", stop_token_ids: [15] });
    expect(stopped.choices[0]).toMatchObject({ finish_reason: "stop", stop_reason: 15, text: "#" });
    const endless = await complete({ sampler: "greedy", ignore_eos: true, max_tokens: 40 });
    expect(endless.choices[0]!.finish_reason).toBe("length");
    expect(endless.usage!.completion_tokens).toBe(40);
    const chained = await complete({
      sampler: "power",
      seed: 1,
      ignore_eos: true,
      max_tokens: 30,
      mcmc_steps: 2,
    });
    expect(chained.usage!.completion_tokens).toBe(30);
  });

  it("returns the likeliest of best_of", async () => {
    const all = await complete({ seed: 4, n: 6, logprobs: 0 });
    const sums = all.choices.map(({ logprobs }) =>
      logprobs!.token_logprobs.reduce<number>((sum, value) => sum + value!, 0),
    );
    const best = await complete({ seed: 4, n: 2, best_of: 6, logprobs: 0 });
    const order = [...sums.keys()].sort((a, b) => sums[b]! - sums[a]!);
    expect(best.choices.map(({ text }) => text)).toEqual(
      order.slice(0, 2).map((index) => all.choices[index]!.text),
    );
    expect(best.choices.map(({ index }) => index)).toEqual([0, 1]);
    expect(best.usage).toEqual(all.usage);
    expect((await server.post("/v1/completions", { prompt: "1+1=", n: 2, best_of: 1 })).status).toBe(400);
  });

  it("returns with each of best_of the tokens of its own prompt", async () => {
    const prompts = ["1+1=", "9-3="];
    const [one, other] = await Promise.all(
      prompts.map(async (prompt) => (await complete({ prompt, return_token_ids: true })).choices[0]!),
    );
    const best = await complete({ prompt: prompts, n: 1, best_of: 3, return_token_ids: true });
    expect(best.choices.map(({ prompt_token_ids }) => prompt_token_ids)).toEqual([
      one!.prompt_token_ids,
      other!.prompt_token_ids,
    ]);
  });

  it("reports entropies of the raw distribution", async () => {
    const { choices } = await complete({ seed: 5, entropy: true, logprobs: 18 });
    const { entropy, mean_entropy, logprobs } = choices[0]!;
    expect(entropy).toHaveLength(logprobs!.tokens.length);
    for (const [index, value] of entropy!.entries()) {
      const logs = Object.values(logprobs!.top_logprobs[index]!);
      expect(value).toBeCloseTo(-logs.reduce((sum, log) => sum + Math.exp(log) * log, 0), 5);
    }
    expect(mean_entropy).toBeCloseTo(entropy!.reduce((sum, value) => sum + value, 0) / entropy!.length, 12);
  });

  it("bends the standard sampler by bias, penalties and min_tokens, and reports raw log-probs", async () => {
    const greedy = { temperature: 0, max_tokens: 12, logprobs: 0 };
    expect((await complete(greedy)).choices[0]!.text.startsWith("#")).toBe(true);
    const barred = (await complete({ ...greedy, logit_bias: { 15: -100 } })).choices[0]!;
    expect(barred.text).not.toContain("#");
    const raw = (await complete({ temperature: 0, max_tokens: 1, logprobs: 18 })).choices[0]!.logprobs!
      .top_logprobs[0]!;
    expect(barred.logprobs!.token_logprobs[0]).toBeCloseTo(raw[barred.logprobs!.tokens[0]!]!, 5);

    const long = (await complete({ ...greedy, min_tokens: 10, return_token_ids: true })).choices[0]!;
    expect(long.token_ids!.slice(0, 10)).not.toContain(16);

    const forced = await complete({ ...greedy, logit_bias: { 1: 100 }, max_tokens: 6 });
    expect(forced.choices[0]!.text).toBe("111111");
    const varied = await complete({
      ...greedy,
      logit_bias: { 1: 50, 2: 49.5, 3: 49 },
      frequency_penalty: 2,
      max_tokens: 6,
    });
    expect(new Set(varied.choices[0]!.text)).toEqual(new Set(["1", "2", "3"]));
    const once = await complete({
      ...greedy,
      logit_bias: { 1: 50, 2: 49.5 },
      presence_penalty: 2,
      max_tokens: 2,
    });
    expect(new Set(once.choices[0]!.text)).toEqual(new Set(["1", "2"]));
  });

  it("streams a chain's progress when asked, and nothing provisional as text", async () => {
    for (const [url, body] of [
      ["/v1/completions", { prompt: "7-2*3+4=" }],
      ["/v1/chat/completions", { messages }],
    ] as const) {
      const asked = { ...body, sampler: "power", seed: 1, mcmc_steps: 3, stream: true };
      const quiet = parseEvents((await server.post(url, asked)).text);
      const loud = parseEvents(
        (await server.post(url, { ...asked, stream_options: { include_progress: true } })).text,
      );
      const isProgress = (chunk: Record<string, unknown>): boolean => chunk.progress !== undefined;
      const progress = loud.filter(isProgress);
      expect(progress).toHaveLength(16 * 4);
      expect(progress.every(({ choices }) => (choices as object[]).length === 0)).toBe(true);
      expect(progress[0]).toMatchObject({
        progress: { index: 0, block: 1, blocks: 16, step: 0, steps: 3, acceptance: 0 },
      });
      expect(progress.at(-1)).toMatchObject({ progress: { block: 16, step: 3 } });
      const choicesOf = (chunks: Record<string, unknown>[]) =>
        chunks
          .filter((chunk) => !isProgress(chunk))
          .map(({ choices }) => (choices as { text?: string; delta?: object }[])[0])
          .map((choice) => choice?.text ?? choice?.delta);
      expect(choicesOf(loud)).toEqual(choicesOf(quiet));
    }
  });

  it("refuses suffix by name", async () => {
    const reply = await server.post("/v1/completions", { prompt: "1+1=", suffix: "x" });
    expect(reply.json()).toMatchObject({ error: { param: "suffix" } });
  });
});
