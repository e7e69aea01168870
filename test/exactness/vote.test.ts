import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createTestApp } from "../support/embedded.ts";
import { createToyCompleter } from "../support/toy-completer.ts";
import { createToyModel, enumerate } from "../support/toy-model.ts";

/** Completions of two tokens, whose law is enumerated; the answer is what they end with. */
const toy = { seed: 82, scale: 12, endBias: -20, vocabularySize: 18 };
const horizon = 2;
const voting = { select: "vote", select_answer: { type: "regex", pattern: "^.(.)$" } };
const asked = { prompt: "1+1=", max_tokens: horizon, ignore_eos: true, best_of: 128 };

let server: Awaited<ReturnType<typeof createTestApp>>;
let prompt: number[];
beforeAll(async () => {
  server = await createTestApp({ completer: await createToyCompleter({ toy, lanes: 16 }) });
  const reply = await server.post("/tokenize", { prompt: asked.prompt });
  prompt = (reply.json() as { tokens: number[] }).tokens;
});
afterAll(() => server[Symbol.asyncDispose]());

const completions = () => enumerate(createToyModel(toy), prompt, horizon);
const lastOf = (tokens: readonly number[]): string => server.completer.tokenizer.textOf(tokens.at(-1)!);

/** The law of answers under p^α, the likeliest first. */
function lawOfAnswers(alpha: number): [string, number][] {
  const mass = new Map<string, number>();
  for (const { tokens, logprob } of completions())
    mass.set(lastOf(tokens), (mass.get(lastOf(tokens)) ?? 0) + Math.exp(alpha * logprob));
  const total = [...mass.values()].reduce((sum, one) => sum + one, 0);
  return [...mass]
    .map(([answer, one]): [string, number] => [answer, one / total])
    .sort(([, one], [, other]) => other - one);
}

describe("a vote", () => {
  it.each([
    [{ sampler: "standard" }, 1],
    [{ sampler: "exact", alpha: 2 }, 2],
    [{ sampler: "power", alpha: 2, mcmc_steps: 20 }, 2],
  ])("over many completions by %j finds the mode of their answers' law", async (sampler, alpha) => {
    const law = new Map(lawOfAnswers(alpha));
    const [[mode, share]] = [...law] as [[string, number]];
    for (const seed of [1, 2, 3]) {
      const { votes } = await server.complete({ ...asked, ...sampler, ...voting, seed });
      const [{ answers, unanswered }] = votes as [NonNullable<typeof votes>[number]];
      expect(unanswered).toBeLessThan(3);
      expect(answers[0]!.answer).toBe(mode);
      const deviation = Math.sqrt((share * (1 - share)) / 128);
      expect(Math.abs(answers[0]!.share - share)).toBeLessThan(4 * deviation);
    }
  });

  it("finds another answer than the likeliest completion has, which best_of by likelihood returns", async () => {
    const likeliest = completions().reduce((one, other) => (other.logprob > one.logprob ? other : one));
    const [[mode]] = lawOfAnswers(1) as [[string, number]];
    expect(lastOf(likeliest.tokens)).not.toBe(mode);
    const best = await server.complete({ ...asked, seed: 1 });
    expect(best.choices[0]!.text).toBe(
      likeliest.tokens.map((token) => server.completer.tokenizer.textOf(token)).join(""),
    );
    const voted = await server.complete({ ...asked, ...voting, seed: 1 });
    expect(voted.choices[0]!.text.at(-1)).toBe(mode);
  });

  it("that stops at a confidence is mostly right, and cheaper", async () => {
    const [[mode]] = lawOfAnswers(1) as [[string, number]];
    const runs = 30;
    let right = 0;
    let drawn = 0;
    for (let seed = 0; seed < runs; seed++) {
      const body = { ...asked, ...voting, vote_confidence: 0.95, seed };
      const { choices, votes } = await server.complete(body);
      if (choices[0]!.text.at(-1) === mode) right++;
      drawn += votes![0]!.drawn;
    }
    expect(right / runs).toBeGreaterThan(0.75);
    expect(drawn / runs).toBeLessThan(64);
  });
});
