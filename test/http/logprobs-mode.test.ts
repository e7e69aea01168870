import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createTestApp, parseEvents } from "../support/embedded.ts";

/** `logprobs_mode`, against the law recomputed here from the whole raw distribution. */

let server: Awaited<ReturnType<typeof createTestApp>>;
beforeAll(async () => {
  server = await createTestApp();
});
afterAll(() => server[Symbol.asyncDispose]());

interface Answer {
  logprobs_mode?: string;
  choices: {
    text: string;
    logprobs: { tokens: string[]; token_logprobs: number[]; top_logprobs: Record<string, number>[] };
  }[];
}

interface ChatAnswer {
  choices: { logprobs: { content: { logprob: number; top_logprobs: { logprob: number }[] }[] } }[];
}

const whole = 100;

async function both(fields: object): Promise<{ raw: Answer; sampled: Answer }> {
  const body = { prompt: "7-2*3+4=", seed: 3, max_tokens: 12, logprobs: whole, ...fields };
  const raw = await server.post("/v1/completions", { ...body, logprobs_mode: "raw" });
  const sampled = await server.post("/v1/completions", { ...body, logprobs_mode: "sampled" });
  expect({ raw: raw.status, sampled: sampled.status }).toEqual({ raw: 200, sampled: 200 });
  return { raw: raw.json(), sampled: sampled.json() };
}

/** log q of every token: p^exponent with `bias` on the logits, over the `keep` likeliest. */
function law(
  raw: Readonly<Record<string, number>>,
  { exponent = 1, keep = Infinity, bias = {} as Record<string, number> },
): Record<string, number> {
  const weights = Object.entries(raw)
    .map(([token, logprob]): [string, number] => [token, exponent * (logprob + (bias[token] ?? 0))])
    .sort((a, b) => b[1] - a[1]);
  const kept = weights.slice(0, keep);
  const logSum = Math.log(kept.reduce((sum, [, weight]) => sum + Math.exp(weight), 0));
  return Object.fromEntries(
    weights.map(([token, weight], rank) => [token, rank < keep ? weight - logSum : -9999]),
  );
}

describe("logprobs_mode", () => {
  it.each([
    { fields: { sampler: "standard", temperature: 0.5 }, expected: { exponent: 2 } },
    { fields: { sampler: "standard", temperature: 2, top_k: 3 }, expected: { exponent: 0.5, keep: 3 } },
    {
      fields: { sampler: "standard", temperature: 0.5, logit_bias: { "3": 1.5 } },
      expected: { exponent: 2, bias: { "3": 1.5 } },
    },
    { fields: { sampler: "greedy" }, expected: { keep: 1 } },
    { fields: { sampler: "low_temperature", alpha: 4 }, expected: { exponent: 4 } },
    { fields: { sampler: "power", alpha: 4 }, expected: { exponent: 4 } },
    {
      fields: { sampler: "power", alpha: 4, proposal_temperature: 0.5 },
      expected: { exponent: 2 },
    },
  ])("'sampled' is the law of the draw, 'raw' the model's: $fields", async ({ fields, expected }) => {
    const { raw, sampled } = await both({ ...fields, return_tokens_as_token_ids: true });
    expect([raw.logprobs_mode, sampled.logprobs_mode]).toEqual(["raw", "sampled"]);
    expect(sampled.choices[0]!.text).toBe(raw.choices[0]!.text);
    const { tokens, token_logprobs, top_logprobs } = sampled.choices[0]!.logprobs;
    const bias = Object.fromEntries(
      Object.entries("bias" in expected ? expected.bias : {}).map(([id, value]) => [`token_id:${id}`, value]),
    );
    for (const [index, token] of tokens.entries()) {
      const top = top_logprobs[index]!;
      const wanted = law(raw.choices[0]!.logprobs.top_logprobs[index]!, { ...expected, bias });
      expect(Object.keys(top).sort()).toEqual(Object.keys(wanted).sort());
      // The second request finds its prompt cached, which moves logits by about 1e-6.
      for (const [name, logprob] of Object.entries(wanted)) expect(top[name]).toBeCloseTo(logprob, 4);
      expect(token_logprobs[index]).toBe(top[token]);
      const mass = Object.values(top).reduce((sum, logprob) => sum + Math.exp(logprob), 0);
      expect(mass).toBeCloseTo(1, 9);
    }
  });

  it.each([{ top_k: 1 }, { top_p: 0 }, { min_p: 1 }, { top_k: 1, temperature: 1.3 }])(
    "gives no token a log-prob above 0, not a certain one: %j",
    async (fields) => {
      const { sampled } = await both({ temperature: 0.7, max_tokens: 12, ...fields });
      expect(sampled.choices[0]!.logprobs.token_logprobs.filter((logprob) => logprob > 0)).toEqual([]);
      const tops = sampled.choices[0]!.logprobs.top_logprobs.flatMap((top) => Object.values(top));
      expect(tops.filter((logprob) => logprob > 0)).toEqual([]);
      const chat = await server.post("/v1/chat/completions", {
        ...{ messages: [{ role: "user", content: "7-2*3+4=" }], seed: 3, max_tokens: 12, temperature: 0.7 },
        ...{ logprobs: true, top_logprobs: 2, logprobs_mode: "sampled", ...fields },
      });
      const { choices }: ChatAnswer = chat.json();
      for (const { logprob, top_logprobs } of choices[0]!.logprobs.content) {
        expect(logprob).toBeLessThanOrEqual(0);
        expect(logprob).toBeCloseTo(0, 12);
        expect(top_logprobs[0]!.logprob).toBe(logprob);
      }
    },
  );

  it("is stated in chat answers and in every chunk of a stream, and only with log-probs", async () => {
    const messages = [{ role: "user", content: "1+1=" }];
    const chat = await server.post("/v1/chat/completions", {
      messages,
      logprobs: true,
      logprobs_mode: "sampled",
      seed: 1,
      stream: true,
    });
    const chunks = parseEvents(chat.text);
    expect(chunks.length).toBeGreaterThan(1);
    for (const chunk of chunks) expect(chunk.logprobs_mode).toBe("sampled");
    const plain = await server.post("/v1/completions", { prompt: "1+1=" });
    expect(plain.json()).not.toHaveProperty("logprobs_mode");
  });

  it("is refused where it could mean nothing", async () => {
    for (const fields of [{}, { logprobs: 1, echo: true }, { logprobs: 1, mode: "raw" }]) {
      const reply = await server.post("/v1/completions", {
        prompt: "1+1=",
        logprobs_mode: "sampled",
        ...fields,
      });
      expect(reply.status).toBe(400);
    }
    const wrong = await server.post("/v1/completions", {
      prompt: "1+1=",
      logprobs: 1,
      logprobs_mode: "target",
    });
    expect(wrong.json()).toMatchObject({ error: { param: "logprobs_mode" } });
  });
});
