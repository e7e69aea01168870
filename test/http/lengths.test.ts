import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ChatResponse } from "../../src/server/schemas/chat.ts";
import { createTestApp } from "../support/embedded.ts";
import { Gate } from "../support/gate.ts";
import { createToyCompleter } from "../support/toy-completer.ts";
import { openWatcher } from "../support/watcher.ts";

/** How long an answer becomes where nothing says so, and what is said of one that cannot fit. */

const messages = [{ role: "user", content: "7-2*3+4=" }];
const promptTokens = 8;
const context = 128;

/** A model whose files say nothing of lengths, and which hardly ever ends of itself. */
const endless = (onStep?: () => Promise<void>) =>
  createToyCompleter({ hasNoLength: true, ...(onStep && { onStep }) });

let server: Awaited<ReturnType<typeof createTestApp>>;
beforeAll(async () => {
  server = await createTestApp({ completer: await endless() });
});
afterAll(() => server[Symbol.asyncDispose]());

async function chat(body: object, on = server): Promise<ChatResponse> {
  const reply = await on.post("/v1/chat/completions", { messages, seed: 1, ...body });
  expect(reply.status, reply.text).toBe(200);
  return reply.json();
}

const room = context - promptTokens;

describe("without a limit", () => {
  it.each([
    {},
    { max_tokens: null },
    { max_completion_tokens: null },
    { max_tokens: null, max_completion_tokens: null },
    { n: 3 },
    { sampler: "greedy" },
    { sampler: "smc", particles: 2 },
    { stop: ["nowhere"], temperature: 0.9 },
  ])("a chat %j runs to the end of the context", async (body) => {
    const { choices, usage } = await chat({ ignore_eos: true, ...body });
    expect(usage.completion_tokens).toBe(choices.length * room);
    expect(choices.map(({ finish_reason }) => finish_reason)).toEqual(choices.map(() => "length"));
  });

  it("a chat ends by the model's own end token all the same", async () => {
    await using embedded = await createTestApp();
    const { choices, usage } = await chat({ sampler: "greedy" }, embedded);
    expect(choices[0]!.finish_reason).toBe("stop");
    expect(usage.completion_tokens).toBeLessThan(48);
  });

  it("a chat heeds the model's own max_new_tokens, as in vLLM", async () => {
    await using embedded = await createTestApp();
    expect((await chat({ ignore_eos: true }, embedded)).usage.completion_tokens).toBe(48);
  });

  it("a chat obeys the limits it names, max_completion_tokens first", async () => {
    const tokens = async (body: object) =>
      (await chat({ ignore_eos: true, ...body })).usage.completion_tokens;
    expect(await tokens({ max_tokens: 5 })).toBe(5);
    expect(await tokens({ max_completion_tokens: 7 })).toBe(7);
    expect(await tokens({ max_tokens: 5, max_completion_tokens: 7 })).toBe(7);
    expect(await tokens({ max_tokens: 5, max_completion_tokens: null })).toBe(5);
  });

  it.each([{}, { max_tokens: null }])("a completion %j has 16 tokens", async (body) => {
    const { usage } = await server.complete({ prompt: "7-2*3+4=", ignore_eos: true, ...body });
    expect(usage!.completion_tokens).toBe(16);
  });

  it("a watched completion has 16 tokens, and says so", async () => {
    const watcher = await openWatcher(server.app);
    watcher.send({ id: "a", prompt: "7-2*3+4=", sampler: "greedy", ignore_eos: true });
    await watcher.end("a");
    expect(watcher.of("accepted", "a")[0]).toMatchObject({ max_tokens: 16 });
    watcher.socket.terminate();
  });

  it("a chain has 16 blocks, whatever size of blocks the model's short answers have", async () => {
    // The toy has abacus's files, which say blocks of 3: of a whole context these would be 40.
    const { choices } = await chat({ sampler: "power", mcmc_steps: 1 });
    expect(choices[0]!.power!.blocks).toBe(15);
    const stated = await chat({ sampler: "power", mcmc_steps: 1, block_size: 3 });
    expect(stated.choices[0]!.power!.blocks).toBe(40);
    const limited = await chat({ sampler: "power", mcmc_steps: 1, max_tokens: 12 });
    expect(limited.choices[0]!.power!.blocks).toBe(4);
  });
});

describe("admission", () => {
  it("counts what an open chat may take", async () => {
    const gate = new Gate();
    await using tight = await createTestApp({
      completer: await endless(gate.onStep),
      limits: { maxTokens: 2 * context },
    });
    const post = () => tight.post("/v1/chat/completions", { messages, ignore_eos: true });
    const both = [post(), post()];
    const metrics = async (): Promise<string> => (await tight.app.inject("/metrics")).body;
    await expect.poll(metrics).toMatch(/^metropolis_num_requests_running 2$/m);
    expect((await post()).status).toBe(429);
    gate.open();
    expect((await Promise.all(both)).map(({ status }) => status)).toEqual([200, 200]);
  });

  it.each([
    [{}, 50, 50 - promptTokens],
    [{ n: 2 }, 50, 2 * (25 - promptTokens)],
    [{ n: 3 }, 100, 3 * (33 - promptTokens)],
    [{ n: 2 }, 1000, 2 * room],
  ])(
    "never refuses an open chat %j on an idle server that takes %i tokens",
    async (body, maxTokens, length) => {
      await using tight = await createTestApp({ completer: await endless(), limits: { maxTokens } });
      expect((await chat({ ignore_eos: true, ...body }, tight)).usage.completion_tokens).toBe(length);
    },
  );

  it("still refuses a stated limit that an idle server does not take", async () => {
    await using tight = await createTestApp({ completer: await endless(), limits: { maxTokens: 50 } });
    const reply = await tight.post("/v1/chat/completions", { messages, max_tokens: 60 });
    expect(reply.status).toBe(400);
    expect(reply.text).toContain("max_tokens");
  });
});

describe("what exceeds the context", () => {
  const long = [{ role: "user", content: "1".repeat(200) }];
  const hopeless = [{ role: "user", content: "1".repeat(100_000) }];
  const words = (asked: number, prompt: number, field: string, completion: number) =>
    `This model's maximum context length is ${context} tokens. However, you requested ${asked} tokens (${prompt} in the ${field}, ${completion} in the completion). Please reduce the length of the ${field} or completion.`;

  it.each([
    [{ messages: long }, words(201, 200, "messages", 1)],
    [{ messages: long, max_tokens: 10 }, words(210, 200, "messages", 10)],
    [{ messages, max_tokens: 121 }, words(129, 8, "messages", 121)],
    [{ messages, max_completion_tokens: 4096 }, words(4104, 8, "messages", 4096)],
    [{ messages: long, stream: true }, words(201, 200, "messages", 1)],
    [{ messages: long, n: 2, sampler: "power" }, words(201, 200, "messages", 1)],
    [{ messages: hopeless }, words(783, 782, "messages", 1)],
  ])("is told in OpenAI's words: chat %#", async (body, message) => {
    const reply = await server.post("/v1/chat/completions", body);
    const { error } = reply.json() as { error: { message: string } };
    expect(reply.status).toBe(400);
    expect(error).toMatchObject({
      type: "invalid_request_error",
      code: "context_length_exceeded",
      param: "messages",
    });
    expect(error.message.startsWith(message), error.message).toBe(true);
  });

  it.each([
    [{ prompt: "1".repeat(200) }, "prompt", words(201, 200, "prompt", 1)],
    [{ prompt: ["1", "1".repeat(128)] }, "prompt", words(129, 128, "prompt", 1)],
    [{ prompt: Array.from({ length: 130 }, () => 1), max_tokens: 5 }, "prompt", words(135, 130, "prompt", 5)],
    [{ prompt: "1".repeat(130), echo: true, max_tokens: 0 }, "prompt", words(130, 130, "prompt", 0)],
    [{ prompt: "1".repeat(100_000) }, "prompt", words(783, 782, "prompt", 1)],
    [{ prompt: "1+1=", max_tokens: 125 }, "max_tokens", words(129, 4, "prompt", 125)],
  ])("is told in OpenAI's words: completion %#", async (body, param, message) => {
    const error = await server.refuse(body);
    expect(error).toMatchObject({ status: 400, code: "context_length_exceeded", param });
    expect(error.message.startsWith(message), error.message).toBe(true);
    expect(error.message.endsWith("Set max_tokens to 124 at most, or leave it out.")).toBe(
      param === "max_tokens",
    );
  });

  it("is told so over a WebSocket", async () => {
    const watcher = await openWatcher(server.app);
    watcher.send({ id: "a", prompt: "1".repeat(200) });
    expect(await watcher.end("a")).toMatchObject({
      type: "error",
      error: {
        code: "context_length_exceeded",
        message: expect.stringContaining("maximum context length") as unknown,
      },
    });
    watcher.socket.terminate();
  });

  it("leaves room for an echoed prompt that fills the context", async () => {
    const { usage } = await server.complete({ prompt: "1".repeat(128), echo: true, max_tokens: 0 });
    expect(usage!.prompt_tokens).toBe(128);
  });

  it("is no matter in a chat that asks for nothing", async () => {
    const reply = await server.post("/v1/chat/completions", { messages, max_tokens: 0 });
    expect(reply.json()).toMatchObject({ error: { param: "max_tokens", code: "invalid_request" } });
    expect(reply.text).not.toContain("echo");
  });
});
