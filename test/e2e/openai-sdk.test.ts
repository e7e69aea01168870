import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ServerProcess } from "../support/server-process.ts";

let server: ServerProcess;
let client: OpenAI;
beforeAll(async () => {
  server = await ServerProcess.start();
  client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "unused", maxRetries: 0 });
});
afterAll(() => server[Symbol.asyncDispose]());

const prompt = "7-2*3+4=";

describe("the official OpenAI SDK", () => {
  it("lists models and completes, power included", async () => {
    const models = await client.models.list();
    expect(models.data.map(({ id }) => id)).toContain("abacus:power");
    const extended = {
      model: "abacus",
      prompt,
      seed: 1,
      sampler: "power",
      mcmc_steps: 4,
    } as OpenAI.CompletionCreateParamsNonStreaming;
    const completion = await client.completions.create(extended);
    expect(completion.choices[0]!.text).toMatch(/#\d+$/);
    expect(completion.usage!.completion_tokens).toBeGreaterThan(0);
    const byName = await client.completions.create({
      model: "abacus:power",
      prompt,
      seed: 1,
      temperature: 0,
    });
    expect((byName.choices[0] as unknown as { power: object }).power).toBeDefined();
  });

  it("streams", async () => {
    const stream = await client.completions.create({
      model: "abacus",
      prompt,
      seed: 2,
      stream: true,
      stream_options: { include_usage: true },
    });
    let text = "";
    let usage: OpenAI.CompletionUsage | null | undefined;
    for await (const chunk of stream) {
      text += chunk.choices[0]?.text ?? "";
      usage = chunk.usage ?? usage;
    }
    const whole = await client.completions.create({ model: "abacus", prompt, seed: 2 });
    expect(text).toBe(whole.choices[0]!.text);
    expect(usage!.completion_tokens).toBe(whole.usage!.completion_tokens);
  });

  it("chats, whole and streamed, power included", async () => {
    // The SDK marks chat's seed as deprecated; it still sends it.
    const extra = { seed: 1 } as object;
    const messages = [{ role: "user" as const, content: prompt }];
    const whole = await client.chat.completions.create({
      model: "abacus:power",
      messages,
      ...extra,
      logprobs: true,
      top_logprobs: 1,
    });
    expect(whole.choices[0]!.message.content).toMatch(/#\d+$/);
    expect(whole.choices[0]!.logprobs!.content!.length).toBe(whole.usage!.completion_tokens);
    const stream = client.chat.completions.stream({ model: "abacus:power", messages, ...extra });
    const final = await stream.finalChatCompletion();
    expect(final.choices[0]!.message.content).toBe(whole.choices[0]!.message.content);
    expect(final.choices[0]!.finish_reason).toBe("stop");
    const model = await client.models.retrieve("abacus:power");
    expect(model.id).toBe("abacus:power");
  });

  it("files the choices of a stream, however many and whichever comes first", async () => {
    const messages = [{ role: "user" as const, content: prompt }];
    for (const model of ["abacus", "abacus:power"]) {
      for (let run = 0; run < 10; run++) {
        const stream = client.chat.completions.stream({
          model,
          messages,
          n: 5,
          temperature: 0.7,
          stream_options: { include_usage: true },
        });
        const started: number[] = [];
        stream.on("chunk", ({ choices }) => {
          for (const { index, delta } of choices) if (delta.role !== undefined) started.push(index);
        });
        const { choices } = await stream.finalChatCompletion();
        expect(started).toEqual([0, 1, 2, 3, 4]);
        expect(choices.map(({ index }) => index)).toEqual([0, 1, 2, 3, 4]);
        for (const { message } of choices) expect(message).toMatchObject({ role: "assistant" });
      }
    }
  });

  it("sees errors as what they are, and does not retry them", async () => {
    await expect(client.completions.create({ model: "gpt-4", prompt })).rejects.toBeInstanceOf(
      OpenAI.NotFoundError,
    );
    const wrong = {
      model: "abacus",
      prompt,
      sampler: "power",
      alpha: 0,
    } as OpenAI.CompletionCreateParamsNonStreaming;
    await expect(client.completions.create(wrong)).rejects.toMatchObject({ status: 400, param: "alpha" });
  });
});
