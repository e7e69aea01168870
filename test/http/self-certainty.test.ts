import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { CompletionResponse } from "../../src/server/schemas/completions.ts";
import { createTestApp, parseEvents, parseNamedEvents } from "../support/embedded.ts";
import { createToyCompleter } from "../support/toy-completer.ts";

let server: Awaited<ReturnType<typeof createTestApp>>;
beforeAll(async () => {
  server = await createTestApp();
});
afterAll(() => server[Symbol.asyncDispose]());

const prompt = "7-2*3+4=";
const vocabularySize = 18;

type Choice = CompletionResponse["choices"][number];

/** −1/(nV)·Σ_i Σ_j log(V·p_ij), of the log-probs of all tokens that are reported beside each. */
function fromLogprobs({ logprobs }: Choice): number {
  const rows = logprobs!.top_logprobs.map((row) => Object.values(row!));
  for (const row of rows) expect(row).toHaveLength(vocabularySize);
  const sum = rows.flat().reduce((total, log) => total + Math.log(vocabularySize) + log, 0);
  return -sum / (rows.length * vocabularySize);
}

const samplers = [
  { sampler: "standard" },
  { sampler: "standard", temperature: 0.5, top_p: 0.9, logit_bias: { "3": 2 } },
  { sampler: "greedy" },
  { sampler: "low_temperature" },
  { sampler: "power" },
  { sampler: "power", isolated: true, mcmc_steps: 3 },
  { sampler: "power", kernel: "tempering", mcmc_steps: 3 },
  { sampler: "power", kernel: "multiple_try", mcmc_steps: 3, warm_up: "blocks" },
  { sampler: "smc" },
  { sampler: "exact", alpha: 2 },
  { sampler: "maximize" },
];

describe("self_certainty", () => {
  it.each(samplers)("is the paper's mean over the tokens of each choice, by %j", async (sampler) => {
    const body = { prompt, seed: 5, n: 3, max_tokens: 24, ...sampler };
    const { choices } = await server.complete({ ...body, self_certainty: true, logprobs: vocabularySize });
    for (const choice of choices) expect(choice.self_certainty).toBeCloseTo(fromLogprobs(choice), 3);
    // Nobody else pays, or is told; the completions are the same.
    const plain = await server.complete(body);
    expect(plain.choices.map(({ text }) => text)).toEqual(choices.map(({ text }) => text));
    for (const choice of plain.choices) expect(choice).not.toHaveProperty("self_certainty");
  });

  it("is told where completions are held to something", async () => {
    const structured_outputs = { regex: "#[0-9]{1,2}" };
    const body = { prompt, seed: 1, sampler: "power", structured_outputs };
    const { choices } = await server.complete({ ...body, self_certainty: true });
    // The raw model's, which knows of no mask: that of the same tokens, scored all of them.
    const text = choices[0]!.text;
    const scored = await server.complete({ prompt: prompt + text, echo: true, max_tokens: 0, logprobs: 18 });
    const { logprobs } = scored.choices[0]!;
    const own = { ...logprobs!, top_logprobs: logprobs!.top_logprobs.slice(prompt.length) };
    expect(own.top_logprobs).toHaveLength(text.length);
    // Its end token is not among the scored ones.
    expect(choices[0]!.self_certainty).toBeGreaterThan(0);
    const ended = await server.complete({ prompt: prompt + text, max_tokens: 1, logprobs: 18, seed: 1 });
    const rows = [...own.top_logprobs, ...ended.choices[0]!.logprobs!.top_logprobs];
    const expected = fromLogprobs({ ...choices[0]!, logprobs: { ...own, top_logprobs: rows } });
    expect(choices[0]!.self_certainty).toBeCloseTo(expected, 3);
  });

  it("comes with the finish in streams, and in chats and responses too", async () => {
    const chatted = { seed: 2, self_certainty: true, messages: [{ role: "user", content: prompt }] };
    const whole = (await server.post("/v1/chat/completions", chatted)).json() as CompletionResponse;
    const certainty = whole.choices[0]!.self_certainty!;
    expect(certainty).toBeGreaterThan(0);
    const streamed = await server.post("/v1/chat/completions", { ...chatted, stream: true });
    const chunks = parseEvents(streamed.text) as unknown as CompletionResponse[];
    const told = chunks.flatMap(({ choices }) => choices).filter((choice) => "self_certainty" in choice);
    expect(told).toMatchObject([{ self_certainty: certainty, finish_reason: "stop" }]);
    const asked = { input: prompt, seed: 2, self_certainty: true };
    const response = (await server.post("/v1/responses", asked)).json() as { self_certainty: number };
    expect(response.self_certainty).toBe(certainty);
    const events = parseNamedEvents<{ type: string; response?: { self_certainty?: number } }>(
      (await server.post("/v1/responses", { ...asked, stream: true })).text,
    );
    expect(events.at(-1)!.response!.self_certainty).toBe(certainty);
  });

  it("is remembered by memos apart from what was told without it", async () => {
    const switches = { memo: true, earlyRejection: true, prefetch: true };
    await using toy = await createTestApp({ completer: await createToyCompleter({ switches }) });
    const body = { prompt, seed: 1, sampler: "power", max_tokens: 8, mcmc_steps: 4 };
    for (const asked of [false, true, false, true]) {
      const { choices } = await toy.complete({
        ...body,
        self_certainty: asked,
        logprobs: asked ? vocabularySize : 0,
      });
      if (asked) expect(choices[0]!.self_certainty).toBeCloseTo(fromLogprobs(choices[0]!), 4);
      else expect(choices[0]).not.toHaveProperty("self_certainty");
    }
  });

  it("is refused by name where the engine knows the likeliest tokens alone", async () => {
    const completer = await createToyCompleter();
    const { capabilities } = completer.model;
    Object.assign(completer.model, { capabilities: { ...capabilities, selfCertainty: false } });
    await using toy = await createTestApp({ completer });
    expect(await toy.refuse({ prompt, self_certainty: true })).toMatchObject({
      status: 400,
      code: "unsupported",
      param: "self_certainty",
    });
  });
});
