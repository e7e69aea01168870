import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { ChatOpenAI, OpenAI } from "@langchain/openai";
import { generateText, streamText } from "ai";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { writeByteModel } from "../support/byte-model.ts";
import { ServerProcess } from "../support/server-process.ts";

/** Clients other than OpenAI's own, unmodified. */

let server: ServerProcess;
let baseURL: string;
beforeAll(async () => {
  server = await ServerProcess.start(["--api-key", "secret"]);
  baseURL = `${server.url}/v1`;
});
afterAll(() => server[Symbol.asyncDispose]());

const prompt = "7-2*3+4=";
const answer = /#\d+$/;

describe("LangChain", () => {
  const common = (model: string) => ({
    model,
    apiKey: "secret",
    maxRetries: 0,
    configuration: { baseURL },
  });

  it("completes, by power too, and streams", async () => {
    const standard = new OpenAI({ ...common("abacus"), temperature: 1, maxTokens: 48 });
    expect(await standard.invoke(prompt)).toMatch(/\d/);
    const power = new OpenAI({
      ...common("abacus"),
      temperature: 0,
      modelKwargs: { sampler: "power", seed: 1 },
    });
    expect(await power.invoke(prompt)).toMatch(answer);
    let streamed = "";
    for await (const chunk of await power.stream(prompt)) streamed += chunk;
    expect(streamed).toBe(await power.invoke(prompt));
    const batch = await power.batch([prompt, "1+1="]);
    expect(batch).toHaveLength(2);
  });

  it("chats, by power too, and streams", async () => {
    const chat = new ChatOpenAI({ ...common("abacus:power"), temperature: 0, modelKwargs: { seed: 1 } });
    const message = await chat.invoke(prompt);
    expect(message.content).toMatch(answer);
    expect(message).toMatchObject({ usage_metadata: { input_tokens: 8 } });
    let streamed = "";
    for await (const chunk of await chat.stream(prompt)) streamed += chunk.text;
    expect(streamed).toBe(message.content);
  });

  it("learns of a wrong key and of what is not supported", async () => {
    const locked = new ChatOpenAI({ ...common("abacus"), apiKey: "wrong" });
    await expect(locked.invoke(prompt)).rejects.toMatchObject({ status: 401 });
    const tool = {
      type: "function",
      function: { name: "add", parameters: { type: "object", properties: {} } },
    };
    const chat = new ChatOpenAI(common("abacus")).bindTools([tool]);
    await expect(chat.invoke(prompt)).rejects.toThrow(/shows its model no tools/);
  });
});

describe("the Vercel AI SDK", () => {
  const provider = () =>
    createOpenAICompatible({ name: "metropolis", baseURL, apiKey: "secret", includeUsage: true });

  it("completes, by power too, and streams", async () => {
    // This client puts "user:" and "assistant:" around a prompt, which the embedded model's vocabulary has not.
    await using bytes = await ServerProcess.start(["--model", await writeByteModel()]);
    const byteProvider = createOpenAICompatible({
      name: "metropolis",
      baseURL: `${bytes.url}/v1`,
      includeUsage: true,
    });
    const [{ id }] = ((await (await fetch(`${bytes.url}/v1/models`)).json()) as { data: [{ id: string }] })
      .data;
    for (const name of [id, `${id}:power`]) {
      const settings = {
        model: byteProvider.completionModel(name),
        prompt,
        seed: 1,
        maxRetries: 0,
        maxOutputTokens: 12,
      };
      const whole = await generateText(settings);
      // Of random weights, p^alpha favours completions that end soon.
      const tokens = whole.usage.outputTokens!;
      expect(tokens).toBeGreaterThan(0);
      expect(tokens).toBeLessThanOrEqual(12);
      const stream = streamText(settings);
      let streamed = "";
      for await (const delta of stream.textStream) streamed += delta;
      expect(streamed).toBe(whole.text);
      expect((await stream.usage).outputTokens).toBe(tokens);
    }
  });

  it("chats, by power too, with settings of ours, and streams", async () => {
    const model = provider().chatModel("abacus");
    const settings = {
      model,
      prompt,
      seed: 1,
      maxRetries: 0,
      providerOptions: { metropolis: { sampler: "power", alpha: 4, mcmc_steps: 4 } },
    };
    const whole = await generateText(settings);
    expect(whole.text).toMatch(answer);
    expect(whole.usage.outputTokens).toBeGreaterThan(0);
    const stream = streamText(settings);
    let streamed = "";
    for await (const delta of stream.textStream) streamed += delta;
    expect(streamed).toBe(whole.text);
    expect(await stream.finishReason).toBe("stop");
  });

  it("sees errors as what they are", async () => {
    const model = provider().chatModel("gpt-4");
    await expect(generateText({ model, prompt, maxRetries: 0 })).rejects.toMatchObject({
      statusCode: 404,
      isRetryable: false,
    });
  });
});
