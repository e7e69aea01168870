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

  it("votes, whole and streamed, by fields that it passes on", async () => {
    const extra = { select: "vote", select_answer: { type: "regex", pattern: "#(-?[0-9]+)$" } };
    const body = { model: "abacus", prompt, seed: 1, best_of: 8, max_tokens: 40, ...extra };
    const whole = await client.completions.create(body as OpenAI.CompletionCreateParamsNonStreaming);
    const { votes } = whole as unknown as { votes: { drawn: number; answers: { answer: string }[] }[] };
    expect(whole.choices).toHaveLength(1);
    expect(whole.choices[0]!.text.endsWith(`#${votes[0]!.answers[0]!.answer}`)).toBe(true);
    const streamed = { ...body, stream: true } as OpenAI.CompletionCreateParamsStreaming;
    let text = "";
    for await (const chunk of await client.completions.create(streamed)) text += chunk.choices[0]?.text ?? "";
    expect(text).toBe(whole.choices[0]!.text);

    const messages = [{ role: "user" as const, content: prompt }];
    const chat = {
      ...body,
      prompt: undefined,
      messages,
    } as object as OpenAI.ChatCompletionCreateParamsStreaming;
    // Its own way of putting a stream together.
    const runner = client.chat.completions.stream({ ...chat, stream: true });
    const final = await runner.finalChatCompletion();
    const answer = await client.chat.completions.create({ ...chat, stream: false });
    expect(final.choices).toHaveLength(1);
    expect(final.choices[0]!.message.content).toBe(answer.choices[0]!.message.content);
    expect(answer).toHaveProperty("votes");
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

  it("creates, streams, goes on from, retrieves and deletes responses", async () => {
    const extra = { seed: 1 } as object;
    const first = await client.responses.create({ model: "abacus:power", input: prompt, ...extra });
    expect(first.output_text).toMatch(/#\d+$/);
    expect(first.usage!.output_tokens).toBeGreaterThan(0);
    expect((await client.responses.retrieve(first.id)).output_text).toBe(first.output_text);

    const stream = client.responses.stream({ model: "abacus:power", input: prompt, ...extra });
    let deltas = "";
    stream.on("response.output_text.delta", ({ delta }) => {
      deltas += delta;
    });
    const final = await stream.finalResponse();
    expect([deltas, final.output_text]).toEqual([first.output_text, first.output_text]);
    const resumed = client.responses.stream({ response_id: final.id, starting_after: 4 });
    expect((await resumed.finalResponse()).output_text).toBe(first.output_text);
    const parsed = await client.responses.parse({ model: "abacus:greedy", input: prompt });
    expect(parsed.output_text).toBe("#10");

    const next = await client.responses.create({
      model: "abacus:greedy",
      input: [{ role: "user", content: [{ type: "input_text", text: "1+1=" }] }],
      previous_response_id: first.id,
      include: ["message.output_text.logprobs"],
      top_logprobs: 1,
    });
    const [message] = next.output as OpenAI.Responses.ResponseOutputMessage[];
    expect((message!.content[0] as OpenAI.Responses.ResponseOutputText).logprobs!.length).toBe(
      next.usage!.output_tokens,
    );
    const items: string[] = [];
    for await (const item of client.responses.inputItems.list(next.id, { order: "asc", limit: 2 }))
      items.push(item.id);
    expect(items).toHaveLength(3);
    expect(items[1]).toBe(first.output[0]!.id);
    // What came back is sent back, as the SDK has it.
    const whole = await client.responses.create({
      model: "abacus:greedy",
      input: [
        { role: "user", content: prompt },
        ...(final.output as OpenAI.Responses.ResponseInputItem[]),
        { role: "user", content: "1+1=" },
      ],
      store: false,
    });
    expect(whole.output_text).toBe(next.output_text);
    const counted = await client.responses.inputTokens.count({ model: "abacus", input: prompt });
    expect(counted.input_tokens).toBe(first.usage!.input_tokens);

    await client.responses.delete(first.id);
    await expect(client.responses.retrieve(first.id)).rejects.toBeInstanceOf(OpenAI.NotFoundError);
    await expect(
      client.responses.create({ model: "abacus", input: prompt, previous_response_id: first.id }),
    ).rejects.toMatchObject({ status: 400, code: "previous_response_not_found" });
  });

  it("has responses run in the background, follows them, and cancels them", async () => {
    const slow = { sampler: "power", seed: 1, mcmc_steps: 10_000, proposal_temperature: 1 } as object;
    const begun = await client.responses.create({
      model: "abacus",
      input: prompt,
      background: true,
      ...slow,
    });
    expect(begun.status).toBe("queued");
    const events: string[] = [];
    for await (const event of await client.responses.retrieve(begun.id, { stream: true })) {
      events.push(event.type);
      if (event.type === "response.in_progress")
        expect((await client.responses.cancel(begun.id)).status).toBe("cancelled");
    }
    expect(events.at(-1)).toBe("response.incomplete");
    const quick = await client.responses.create({ model: "abacus:greedy", input: prompt, background: true });
    await expect.poll(async () => (await client.responses.retrieve(quick.id)).output_text).toBe("#10");
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
