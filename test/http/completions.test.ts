import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { CompletionResponse } from "../../src/server/schemas/completions.ts";
import { createTestApp, parseEvents } from "../support/embedded.ts";

let server: Awaited<ReturnType<typeof createTestApp>>;
beforeAll(async () => {
  // So that answers can be compared to the last bit.
  server = await createTestApp({ engine: { deterministic: true } });
});
afterAll(() => server[Symbol.asyncDispose]());

const prompt = "7-2*3+4=";

const complete = (body: object) => server.complete({ prompt, ...body });
const refuse = (body: object) => server.refuse({ prompt, ...body });

describe("POST /v1/completions", () => {
  it("answers with power sampling and says how the chain went", async () => {
    const body = { sampler: "power", seed: 1 };
    const { choices, usage, object, model } = await complete(body);
    const [choice] = choices;
    expect({ object, model }).toEqual({ object: "text_completion", model: "abacus" });
    expect(choice!.finish_reason).toBe("stop");
    expect(choice!.text).toMatch(/#\d+$/);
    const power = choice!.power!;
    expect(power).toMatchObject({ alpha: 4, steps: 160, blocks: 16, budget_exhausted: false });
    expect(power.accepted + power.rejected + power.rejected_early + power.unchanged).toBe(power.steps);
    expect(power.evaluated_tokens).toBeGreaterThan(0);
    expect(usage).toEqual({
      prompt_tokens: 8,
      completion_tokens: choice!.text.length + 1,
      total_tokens: 8 + choice!.text.length + 1,
    });
    // Again, now from what was remembered: the same chain, at no cost.
    const again = (await complete(body)).choices[0]!;
    expect(again.text).toBe(choice!.text);
    const free = { evaluated_tokens: 0, remembered_tokens: power.drawn_tokens, discarded_tokens: 0 };
    expect(again.power).toEqual({ ...power, ...free });
    // And from cached prefixes alone, where it is isolated: log-probs may differ in their last bits.
    const costs = new Set<number>();
    for (const terms of [{ isolated: true }, { isolated: true }, { max_evaluated_tokens: 100_000 }]) {
      const alone = (await complete({ ...body, ...terms })).choices[0]!;
      expect(alone.text).toBe(choice!.text);
      expect(alone.power).toMatchObject({ steps: power.steps, drawn_tokens: power.drawn_tokens });
      costs.add(alone.power!.evaluated_tokens);
    }
    expect([...costs]).toEqual([expect.any(Number)]);
    expect(costs).not.toContain(0);
  });

  it("reports Σ log p that agrees with the log-probs of the tokens", async () => {
    const { choices } = await complete({ sampler: "power", seed: 2, logprobs: 0 });
    const [choice] = choices;
    const sum = choice!.logprobs!.token_logprobs.reduce<number>((total, logprob) => total + logprob!, 0);
    expect(choice!.power!.logprob).toBeCloseTo(sum, 9);
  });

  it.each(["standard", "greedy", "low_temperature"])(
    "answers with sampler %s, by field and by model name",
    async (sampler) => {
      const byField = await complete({ sampler, seed: 3 });
      const byName = await complete({ model: `abacus:${sampler}`, seed: 3 });
      expect(byField.choices[0]!.power).toBeUndefined();
      expect(byName.choices).toEqual(byField.choices);
      expect(byName.model).toBe(`abacus:${sampler}`);
    },
  );

  it("makes greedy of temperature 0 and of top_k 1", async () => {
    const greedy = await complete({ sampler: "greedy" });
    expect((await complete({ temperature: 0, seed: 9 })).choices[0]!.text).toBe(greedy.choices[0]!.text);
    expect((await complete({ top_k: 1, seed: 9 })).choices[0]!.text).toBe(greedy.choices[0]!.text);
  });

  it("accepts what clients send by default with power, explicit nulls included", async () => {
    await complete({ sampler: "power", temperature: 0, top_p: 1, top_k: -1, max_tokens: 3 });
    await complete({
      sampler: null,
      alpha: null,
      mcmc_steps: null,
      block_size: null,
      max_tokens: null,
      temperature: null,
      top_p: null,
      n: null,
      seed: null,
      stop: null,
      stream: null,
      stream_options: null,
      logprobs: null,
      echo: null,
      user: null,
      model: null,
    });
  });

  it("takes lists of prompts and n, choice i belonging to prompt i/n", async () => {
    const { choices, usage } = await complete({
      prompt: ["7-2*3+4=", "1+1="],
      n: 2,
      seed: 4,
      max_tokens: 4,
      return_token_ids: true,
    });
    expect(choices.map(({ index }) => index)).toEqual([0, 1, 2, 3]);
    expect(choices.map(({ prompt_token_ids }) => prompt_token_ids!.length)).toEqual([8, 8, 4, 4]);
    expect(usage!.prompt_tokens).toBe(12);
    const byIds = await complete({
      prompt: [
        [7, 11, 2, 12, 3, 10, 4, 13],
        [1, 10, 1, 13],
      ],
      n: 2,
      seed: 4,
      max_tokens: 4,
      return_token_ids: true,
    });
    expect(byIds.choices).toEqual(choices);
    const one = await complete({
      prompt: [7, 11, 2, 12, 3, 10, 4, 13],
      seed: 4,
      max_tokens: 4,
      return_token_ids: true,
    });
    expect(one.choices[0]).toEqual(choices[0]);
  });

  it("echoes the prompt with log-probs of exactly prompt + generated tokens, the end token included", async () => {
    const { choices } = await complete({ sampler: "greedy", echo: true, logprobs: 2 });
    const { text, logprobs, finish_reason } = choices[0]!;
    expect(finish_reason).toBe("stop");
    expect(text.startsWith(prompt)).toBe(true);
    expect(logprobs!.tokens).toHaveLength(text.length + 1);
    expect(logprobs!.tokens.at(-1)).toBe("<eos>");
    expect(logprobs!.token_logprobs[0]).toBeNull();
    expect(logprobs!.top_logprobs[0]).toBeNull();
    expect(logprobs!.text_offset).toEqual([...Array.from(text, (_, index) => index), text.length]);
    for (const [index, logprob] of logprobs!.token_logprobs.entries()) {
      if (index === 0) continue;
      const top = logprobs!.top_logprobs[index]!;
      // The identical float stands in both lists, and greedy tokens are the likeliest.
      expect(top[logprobs!.tokens[index]!]).toBe(logprob);
      expect(Object.keys(top).length).toBeLessThanOrEqual(3);
      if (index >= prompt.length) expect(logprob).toBe(Math.max(...Object.values(top)));
    }
  });

  it("scores a prompt with echo and max_tokens 0", async () => {
    const { choices, usage } = await complete({ echo: true, max_tokens: 0, logprobs: 1 });
    expect(choices[0]).toMatchObject({ text: prompt, finish_reason: "length" });
    expect(choices[0]!.logprobs!.tokens).toHaveLength(8);
    expect(usage).toMatchObject({ prompt_tokens: 8, completion_tokens: 0 });
  });

  it("gives the same log-probs to a token generated and a token echoed", async () => {
    const generated = await complete({ sampler: "standard", seed: 6, logprobs: 1, return_token_ids: true });
    const { token_ids, prompt_token_ids, logprobs } = generated.choices[0]!;
    const echoed = await complete({
      prompt: [...prompt_token_ids!, ...token_ids!],
      echo: true,
      max_tokens: 0,
      logprobs: 1,
    });
    const scores = echoed.choices[0]!.logprobs!.token_logprobs.slice(8);
    for (const [index, logprob] of logprobs!.token_logprobs.entries())
      expect(scores[index]).toBeCloseTo(logprob!, 4);
  });

  it("writes tokens as ids when asked", async () => {
    const { choices } = await complete({
      max_tokens: 2,
      logprobs: 1,
      return_tokens_as_token_ids: true,
      return_token_ids: true,
    });
    const { logprobs, token_ids } = choices[0]!;
    expect(logprobs!.tokens).toEqual(token_ids!.map((id) => `token_id:${id}`));
  });

  it("cuts exactly before a stop string, by every sampler", async () => {
    for (const sampler of ["standard", "greedy", "power"]) {
      const free = await complete({ sampler, seed: 8 });
      const { choices } = await complete({ sampler, seed: 8, stop: ["#", "zz"] });
      const { text, finish_reason, stop_reason } = choices[0]!;
      expect(text).not.toContain("#");
      expect({ finish_reason, stop_reason }).toEqual({ finish_reason: "stop", stop_reason: "#" });
      if (sampler !== "power") expect(free.choices[0]!.text.startsWith(text)).toBe(true);
    }
  });

  it("streams what it would have answered whole", async () => {
    for (const body of [
      { sampler: "power", seed: 5, n: 3, logprobs: 2, return_token_ids: true },
      { sampler: "standard", seed: 6, n: 2, logprobs: 0, echo: true, stop: [";#", "9;"] },
      { sampler: "greedy", max_tokens: 5 },
    ]) {
      const whole = await complete(body);
      const reply = await server.post("/v1/completions", {
        prompt,
        ...body,
        stream: true,
        stream_options: { include_usage: true },
      });
      expect(reply.headers["content-type"]).toContain("text/event-stream");
      const chunks = parseEvents(reply.text) as unknown as CompletionResponse[];
      const usage = chunks.pop()!;
      expect(usage).toMatchObject({ choices: [], usage: whole.usage });
      for (const choice of whole.choices) {
        const parts = chunks.flatMap(({ choices }) => choices).filter(({ index }) => index === choice.index);
        expect(parts.map(({ text }) => text).join("")).toBe(choice.text);
        expect(parts.at(-1)).toMatchObject({
          finish_reason: choice.finish_reason,
          stop_reason: choice.stop_reason,
        });
        // What it cost depends on the requests before it.
        const free = choice.power && {
          ...choice.power,
          evaluated_tokens: 0,
          remembered_tokens: choice.power.drawn_tokens,
          discarded_tokens: 0,
        };
        expect(parts.at(-1)!.power).toEqual(free);
        expect(parts.slice(0, -1).every(({ finish_reason }) => finish_reason === null)).toBe(true);
        if (choice.logprobs !== null) {
          expect(parts.flatMap(({ logprobs }) => logprobs!.tokens)).toEqual(choice.logprobs.tokens);
          expect(parts.flatMap(({ logprobs }) => logprobs!.text_offset)).toEqual(choice.logprobs.text_offset);
        }
      }
    }
  });

  it("stops at its budget with its current state", async () => {
    const { choices } = await complete({
      sampler: "power",
      seed: 1,
      max_evaluated_tokens: 7,
      proposal_temperature: 1,
    });
    expect(choices[0]!.power).toMatchObject({ budget_exhausted: true, evaluated_tokens: 7 });
    const free = await complete({ sampler: "power", seed: 1, max_evaluated_tokens: 100_000 });
    expect(free.choices[0]!.power!.budget_exhausted).toBe(false);
  });

  it("ends early with schedule until_finished", async () => {
    const { choices } = await complete({ sampler: "power", seed: 1, schedule: "until_finished" });
    expect(choices[0]!.power!.blocks).toBeLessThan(16);
    expect(choices[0]!.finish_reason).toBe("stop");
  });

  it.each([
    [{ sampler: "powr" }, "sampler", /power, standard, low_temperature, greedy/],
    [{ sampler: "power", alpha: 0.5 }, "alpha", /at least 1/],
    [{ sampler: "power", top_p: 0.9 }, "top_p", /sampler 'power'/],
    [{ sampler: "power", top_k: 40 }, "top_k", /sampler 'power'/],
    [{ sampler: "power", min_p: 0.1 }, "min_p", /sampler 'power'/],
    [{ sampler: "power", temperature: 0.7 }, "temperature", /alpha/],
    [{ sampler: "greedy", alpha: 4 }, "alpha", /sampler 'greedy'/],
    [{ mcmc_steps: 4 }, "mcmc_steps", /sampler 'standard'/],
    [{ isolated: true }, "isolated", /sampler 'standard'/],
    [{ sampler: "power", isolated: false, max_evaluated_tokens: 9 }, "isolated", /max_evaluated_tokens/],
    [{ model: "abacus:power", sampler: "greedy" }, "sampler", /asks for sampler 'power'/],
    [{ mcmc_step: 4 }, "mcmc_step", /Unsupported field 'mcmc_step'/],
    [{ n_predict: 4 }, "n_predict", /Unsupported field 'n_predict'.* Here n_predict is set by max_tokens\.$/],
    [
      { mirostat: 2, options: { num_predict: 4, num_ctx: 64, top_k: 4, mirostat: 2 } },
      "mirostat",
      /Here options\.num_predict is set by max_tokens, options\.num_ctx is set by serve --context, options\.top_k is set by top_k\.$/,
    ],
    [{ options: [4], constructor: 4, think: true }, "options", /spelling\.$/],
    [{ tools: [] }, "tools", /Unsupported/],
    [{ stream_options: { include_usage: true } }, "stream_options", /stream: true/],
    [{ max_tokens: 0 }, "max_tokens", /echo/],
    [{ max_tokens: 300 }, "max_tokens", /256 tokens.*8.*300/],
    [{ prompt: "1".repeat(257) }, "prompt", /256 tokens.*257/],
    [{ prompt: "" }, "prompt", /empty/],
    [{ prompt: [] }, "prompt", /list/],
    [{ prompt: [18] }, "prompt", /0\.\.17/],
    [
      { prompt: "7 apples=" },
      "prompt",
      /no ' ', 'a', 'p', 'l', 'e', 's'; leave them out .* It knows nothing but 0 1 2 3 4 5 6 7 8 9 \+ - \* = ; #$/,
    ],
    [{ prompt: "1 + 1=" }, "prompt", /no ' '; leave it out /],
    [
      { prompt: String.fromCodePoint(...Array.from({ length: 30 }, (_, index) => 0x4e00 + index)) },
      "prompt",
      /no '一', '丁', .* and 6 others; /,
    ],
    [{ prompt: 7 }, "prompt", /string/],
    [{ stop: ["", "a"] }, "stop.0", /must not hold an empty string/],
    [{ n: 0 }, "n", />=1/],
    [{ n: 128, prompt: Array.from({ length: 9 }, () => "1+1=") }, "n", /1024 completions/],
    [{ logprobs: 101 }, "logprobs", /100/],
    [{ seed: 1.5 }, "seed", /int/],
  ])("refuses %j, naming the field", async (body, param, message) => {
    const error = await refuse(body);
    expect(error.status).toBe(400);
    expect(error.param).toBe(param);
    expect(error.message).toMatch(message);
    expect(error.type).toBe("invalid_request_error");
  });

  it("refuses an unknown model with 404", async () => {
    expect(await refuse({ model: "gpt-4" })).toMatchObject({
      status: 404,
      code: "model_not_found",
      param: "model",
    });
  });

  it("refuses bodies that are not JSON, too large, or of another type", async () => {
    const send = (payload: string, type = "application/json") =>
      server.app.inject({
        method: "POST",
        url: "/v1/completions",
        payload,
        headers: { "content-type": type },
      });
    expect((await send("{")).json()).toMatchObject({
      error: { message: expect.stringContaining("not valid JSON") as unknown },
    });
    expect((await send("{")).statusCode).toBe(400);
    expect((await send("a=1", "application/x-www-form-urlencoded")).statusCode).toBe(415);
    expect((await send(JSON.stringify({ prompt: "1".repeat(9_000_000) }))).statusCode).toBe(413);
    expect((await send("[]")).statusCode).toBe(400);
    expect((await server.app.inject({ method: "GET", url: "/v1/nothing" })).statusCode).toBe(404);
  });
});

describe("the other routes", () => {
  it("lists the model and its sampler names", async () => {
    const reply = await server.app.inject({ method: "GET", url: "/v1/models" });
    const { data } = reply.json<{
      data: { id: string; max_model_len: number; eos_token_ids: number[]; defaults: { sampler: string } }[];
    }>();
    expect(data.map(({ id }) => id)).toEqual([
      "abacus",
      "abacus:power",
      "abacus:standard",
      "abacus:low_temperature",
      "abacus:greedy",
      "abacus:exact",
      "abacus:smc",
      "abacus:maximize",
      "abacus:beam",
    ]);
    expect(data[0]).toMatchObject({
      max_model_len: 256,
      eos_token_ids: [16],
      description: expect.stringContaining("toy") as string,
      example_prompts: expect.arrayContaining(["9*4+3-4-2="]) as string[],
      takes_chats: true,
      defaults: { sampler: "standard", max_tokens: 48, alpha: 4, mcmc_steps: 10, block_size: 3 },
    });
    expect(data[1]!.defaults.sampler).toBe("power");
  });

  it("turns text into tokens and back", async () => {
    const tokens = await server.post("/tokenize", { prompt, return_token_strs: true });
    expect(tokens.json()).toEqual({
      count: 8,
      max_model_len: 256,
      tokens: [7, 11, 2, 12, 3, 10, 4, 13],
      token_strs: Array.from(prompt),
    });
    expect((await server.post("/detokenize", { tokens: [7, 11, 2, 16] })).json()).toEqual({
      prompt: "7-2<eos>",
      content: "7-2<eos>",
    });
    expect((await server.post("/tokenize", {})).status).toBe(400);
    expect((await server.post("/detokenize", { tokens: [77] })).status).toBe(400);
  });

  it("says that the engine is alive", async () => {
    const reply = await server.app.inject({ method: "GET", url: "/health" });
    expect(reply.statusCode).toBe(200);
    expect(reply.json()).toMatchObject({ status: "ok", lanes: { total: 16, leased: 0 } });
  });
});
