import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { CompletionResponse } from "../../src/server/schemas/completions.ts";
import { createTestApp, parseEvents } from "../support/embedded.ts";
import { servedAbacus } from "../support/fake-servers/abacus.ts";
import { engineOver } from "../support/fake-servers/engine-over.ts";
import { FakeVllm } from "../support/fake-servers/vllm.ts";
import { createToyCompleter } from "../support/toy-completer.ts";
import { createToyModel } from "../support/toy-model.ts";

let server: Awaited<ReturnType<typeof createTestApp>>;
beforeAll(async () => {
  server = await createTestApp();
});
afterAll(() => server[Symbol.asyncDispose]());

const prompt = "7-2*3+4=";
const beam = { prompt, sampler: "beam", max_tokens: 24 };

const textsOf = ({ choices }: CompletionResponse): string[] => choices.map(({ text }) => text);

/** What a stream says of each choice, and its last report. */
function joined(stream: string, n: number) {
  const chunks = parseEvents(stream) as unknown as CompletionResponse[];
  return Array.from({ length: n }, (_, index) => {
    const own = chunks.flatMap(({ choices }) => choices.filter((choice) => choice.index === index));
    return {
      text: own.map(({ text }) => text).join(""),
      pieces: own.filter(({ text }) => text !== "").length,
      finish_reason: own.findLast(({ finish_reason }) => finish_reason !== null)?.finish_reason,
      rank: own.findLast((choice) => choice.beam !== undefined)?.beam?.rank,
    };
  });
}

describe("sampler beam", () => {
  it("answers with what it found, the same for every seed, and says that it is a search", async () => {
    const first = await server.complete({ ...beam, seed: 1, logprobs: 2 });
    expect(textsOf(await server.complete({ ...beam, seed: 2 }))).toEqual(textsOf(first));
    const [choice] = first.choices;
    expect(choice!.beam).toMatchObject({ kind: "search", beam_width: 4, length_penalty: 1, rank: 1 });
    expect(choice!.finish_reason).toBe("stop");
    const sum = choice!.logprobs!.token_logprobs.reduce<number>((total, log) => total + log!, 0);
    expect(choice!.beam!.logprob).toBeCloseTo(sum, 9);
    expect(choice!.beam!.score).toBeCloseTo(sum / choice!.beam!.length, 9);
  });

  it("is greedy with one beam, and no less likely than greedy with more where likelihood decides", async () => {
    for (const task of [prompt, "9*8-7=", "1+1=", "3*4*5-6="]) {
      const asked = { prompt: task, max_tokens: 24, logprobs: 0 };
      const greedy = await server.complete({ ...asked, sampler: "greedy" });
      const one = await server.complete({ ...asked, sampler: "beam", beam_width: 1 });
      expect(textsOf(one)).toEqual(textsOf(greedy));
      expect(one.choices[0]!.logprobs!.tokens).toEqual(greedy.choices[0]!.logprobs!.tokens);
      const wide = await server.complete({ ...asked, sampler: "beam", beam_width: 32, length_penalty: 0 });
      expect(wide.choices[0]!.beam!.logprob).toBeGreaterThanOrEqual(one.choices[0]!.beam!.logprob - 1e-6);
    }
  });

  it("gives n different ones, the best first, at the cost of one", async () => {
    const asked = { ...beam, prompt: "6+7*2=", beam_width: 6 };
    const { choices } = await server.complete({ ...asked, n: 5, logprobs: 0 });
    expect(new Set(choices.map(({ logprobs }) => logprobs!.tokens.join())).size).toBe(5);
    expect(choices.map((choice) => choice.beam!.rank)).toEqual([1, 2, 3, 4, 5]);
    const scores = choices.map((choice) => choice.beam!.score);
    expect(scores).toEqual(scores.toSorted((one, other) => other - one));
    const drawn = choices[0]!.beam!.drawn_tokens;
    const paid = choices.reduce((sum, choice) => sum + choice.beam!.evaluated_tokens, 0);
    expect(paid).toBe(drawn);
    // In a list of prompts each has its own.
    const both = await server.complete({ ...asked, prompt: [prompt, "6+7*2="], n: 2 });
    expect(both.choices.map((choice) => choice.beam!.rank)).toEqual([1, 2, 1, 2]);
    expect(textsOf(both).slice(2)).toEqual(choices.slice(0, 2).map(({ text }) => text));
  });

  it("chooses among beams for best_of, which are candidates", async () => {
    const all = await server.complete({ ...beam, n: 3, logprobs: 0 });
    const meanOf = ({ logprobs }: (typeof all.choices)[number]): number =>
      logprobs!.token_logprobs.reduce<number>((sum, log) => sum + log!, 0) / logprobs!.tokens.length;
    const surest = all.choices.toSorted((one, other) => meanOf(other) - meanOf(one))[0]!;
    const asked = { ...beam, n: 1, best_of: 3 };
    const { choices } = await server.complete({ ...asked, select: "mean_logprob" });
    expect(choices.map(({ text, beam: report }) => [text, report!.rank])).toEqual([
      [surest.text, surest.beam!.rank],
    ]);
    const vote = { ...asked, select: "vote", select_answer: "last_number" };
    const voted = await server.complete({ ...vote, vote_confidence: 1 });
    expect(voted).toMatchObject({ votes: [{ candidates: 3 }] });
    expect(await server.refuse({ ...vote, vote_confidence: 0.9 })).toMatchObject({
      status: 400,
      param: "vote_confidence",
    });
  });

  it.each([
    {},
    { n: 3 },
    { stop: ";" },
    { stop: [";", "1#", "3"], n: 2, beam_width: 5 },
    { max_tokens: 3, n: 4 },
    { guided_regex: "#[0-9]{3}", n: 2 },
    { ignore_eos: true, stop_token_ids: [14] },
  ])("streams what it answers whole: %j", async (fields) => {
    for (const task of [prompt, "12*3="]) {
      const body = { ...beam, ...fields, prompt: task };
      const { choices } = await server.complete(body);
      const reply = await server.post("/v1/completions", { ...body, stream: true });
      const streamed = joined(reply.text, choices.length);
      expect(streamed.map(({ text }) => text)).toEqual(choices.map(({ text }) => text));
      expect(streamed.map(({ rank }) => rank)).toEqual(choices.map((choice) => choice.beam!.rank));
      expect(streamed.map((choice) => choice.finish_reason)).toEqual(
        choices.map((choice) => choice.finish_reason),
      );
    }
  });

  it("streams tokens as soon as no beam can change them", async () => {
    const reply = await server.post("/v1/completions", { ...beam, stream: true });
    expect(joined(reply.text, 1)[0]!.pieces).toBeGreaterThan(1);
  });

  it("grows what a constraint permits alone, and ends where it may", async () => {
    const asked = { ...beam, beam_width: 8, n: 3, guided_regex: "#(5|10?|9)|29" };
    const { choices } = await server.complete(asked);
    expect(new Set(textsOf({ choices } as CompletionResponse)).size).toBe(3);
    for (const { text, finish_reason } of choices) {
      expect(["#5", "#1", "#10", "#9", "29"]).toContain(text);
      expect(finish_reason).toBe("stop");
    }
    const all = await server.complete({ ...asked, n: 5 });
    expect(textsOf(all).toSorted()).toEqual(["#1", "#10", "#5", "#9", "29"].toSorted());
    const few = await server.refuse({ ...asked, n: 6 });
    expect(few).toMatchObject({ status: 400, param: "n" });
    expect(few.message).toMatch(/came to 5/);
  });

  it("keeps to a budget to the token, and answers with what it has", async () => {
    for (const budget of [1, 6, 11]) {
      const { choices } = await server.complete({ ...beam, max_evaluated_tokens: budget });
      const [{ beam: report, text } = {}] = choices;
      expect(report).toMatchObject({
        budget_exhausted: true,
        ended_by: "budget",
        evaluated_tokens: budget,
      });
      expect(text).not.toBe("");
    }
  });

  it("is counted by how its searches end", async () => {
    await server.complete(beam);
    const { body } = await server.app.inject({ url: "/metrics" });
    expect(body).toMatch(/metropolis_beam_answers_total\{ended_by="(settled|all_ended)"\} [1-9]/);
  });

  it("lets go of everything when its client goes away", async () => {
    const controller = new AbortController();
    const events = server.completer.complete(
      {
        prompt: [3, 10, 4, 13],
        settings: { sampler: "beam", beamWidth: 64, lengthPenalty: 1, candidates: 1 },
        maxTokens: 200,
        ignoreEnd: true,
        stop: [],
        seed: 1,
        choice: 0,
        topCount: 0,
      },
      controller.signal,
    );
    const work = (async () => {
      for await (const _event of events);
    })();
    await expect
      .poll(async () => (await server.completer.health()).details?.sequences.open)
      .toBeGreaterThan(0);
    controller.abort();
    await expect(work).rejects.toMatchObject({ code: "aborted" });
    await expect.poll(async () => (await server.completer.health()).details?.sequences.open).toBe(0);
  });
});

describe("use_beam_search", () => {
  it("asks for the sampler as vLLM's clients do, with n beams", async () => {
    const vllm = { prompt, max_tokens: 24, use_beam_search: true, n: 3, temperature: 0.8, length_penalty: 1 };
    const answer = await server.complete(vllm);
    expect(answer.choices.map((choice) => choice.beam!.beam_width)).toEqual([3, 3, 3]);
    expect(answer).toMatchObject({ ignored: ["temperature"] });
    expect(textsOf(answer)).toEqual(textsOf(await server.complete({ ...beam, beam_width: 3, n: 3 })));
    const wider = await server.complete({ ...vllm, n: 1, beam_width: 5, sampler: "beam", temperature: 0 });
    expect(wider.choices[0]!.beam!.beam_width).toBe(5);
    const chat = await server.post("/v1/chat/completions", {
      messages: [{ role: "user", content: prompt }],
      use_beam_search: true,
      n: 2,
    });
    const { choices } = chat.json() as { choices: { beam: { rank: number } }[] };
    expect(choices.map((choice) => choice.beam.rank)).toEqual([1, 2]);
  });

  it("says nothing as false, and leaves the sampler to who names it", async () => {
    const plain = { prompt, max_tokens: 4, temperature: 0, use_beam_search: false, length_penalty: 1 };
    expect((await server.complete(plain)).choices[0]!.beam).toBeUndefined();
  });
});

describe("what would be ignored, or is too much", () => {
  it.each([
    [{ ...beam, beam_width: 0 }, "beam_width", /./],
    [{ ...beam, beam_width: 257 }, "beam_width", /256/],
    [{ ...beam, beam_width: 2, n: 3 }, "beam_width", /less than n of 3/],
    [{ ...beam, beam_width: 2, n: 1, best_of: 3 }, "beam_width", /less than best_of of 3/],
    [{ ...beam, length_penalty: 11 }, "length_penalty", /10/],
    [{ ...beam, temperature: 0.5 }, "temperature", /draws nothing.*'standard'/],
    [{ ...beam, top_k: 4 }, "top_k", /draws nothing/],
    [{ ...beam, logit_bias: { 3: 1 } }, "logit_bias", /'standard'/],
    [{ ...beam, repetition_penalty: 1.5 }, "repetition_penalty", /'standard'/],
    [{ ...beam, particles: 4 }, "particles", /set beam_width/],
    [{ ...beam, mcmc_steps: 4 }, "mcmc_steps", /'power' or 'maximize'/],
    [{ prompt, sampler: "standard", use_beam_search: true }, "use_beam_search", /use sampler 'beam'/],
    [{ prompt, model: "abacus:power", use_beam_search: true }, "use_beam_search", /use sampler 'beam'/],
    [{ prompt, length_penalty: 0.5 }, "length_penalty", /use sampler 'beam'/],
    [{ prompt, use_beam_search: true, n: 2, best_of: 4 }, "best_of", /send beam_width/],
    [{ prompt, use_beam_search: "yes" }, "use_beam_search", /./],
  ])("is refused by name: %j", async (body, param, message) => {
    const error = await server.refuse(body);
    expect(error).toMatchObject({ status: 400, param });
    expect(error.message).toMatch(message);
  });

  it("is refused where a server tells fewer of the likeliest tokens than there are beams", async () => {
    await using fake = await new FakeVllm(await servedAbacus(), { maxLogprobs: 4 }).start();
    await using remote = await createTestApp({ engine: { server: engineOver(fake) } });
    const error = await remote.refuse({ ...beam, beam_width: 5 });
    expect(error).toMatchObject({ code: "unsupported", param: "beam_width" });
    expect(error.message).toMatch(/5 of the likeliest tokens.*4 at most/);
    const model = createToyModel({ seed: 5, vocabularySize: 18 });
    await using local = await createTestApp({ completer: await createToyCompleter({ model }) });
    for (const fields of [{ beam_width: 4, n: 2 }, { beam_width: 1 }, { beam_width: 3, stop: ";" }]) {
      const { choices } = await remote.complete({ ...beam, ...fields });
      const here = await local.complete({ ...beam, ...fields });
      expect(choices.map(({ text }) => text)).toEqual(textsOf(here));
      expect(choices[0]!.beam!.logprob).toBeCloseTo(here.choices[0]!.beam!.logprob, 3);
    }
  });
});
