import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { selectRules } from "../../src/selection/rules.ts";
import type { CompletionResponse } from "../../src/server/schemas/completions.ts";
import type { ResponseBody } from "../../src/server/schemas/responses/response.ts";
import { createTestApp, parseEvents, parseNamedEvents, textOf } from "../support/embedded.ts";
import { createToyCompleter } from "../support/toy-completer.ts";
import { openWatcher } from "../support/watcher.ts";

let server: Awaited<ReturnType<typeof createTestApp>>;
beforeAll(async () => {
  server = await createTestApp();
});
afterAll(() => server[Symbol.asyncDispose]());

const prompt = "7-2*3+4=";
const best_of = 12;
/** Hot enough that candidates differ. */
const drawn = { prompt, seed: 3, temperature: 1.6, max_tokens: 30 };
const afterHash = { type: "regex", pattern: "#(-?[0-9]+)$" };
const voting = { select: "vote", select_answer: afterHash };
const messages = [{ role: "user", content: prompt }];

type Choice = CompletionResponse["choices"][number];
type Chunk = Omit<CompletionResponse, "choices"> & {
  choices: (Choice & { delta?: { content?: string }; message?: { content: string } })[];
};

const logprobsOf = ({ logprobs }: Choice): number[] => logprobs!.token_logprobs.map((value) => value!);
const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

/** The candidates, as the choices of a request that shows them all. */
const candidatesOf = async (body: object): Promise<Choice[]> => {
  const { choices } = await server.complete({
    ...{ ...body, n: best_of, logprobs: 0, entropy: true, self_certainty: true },
  });
  return choices;
};

const scores = {
  logprob: (choice: Choice) => sum(logprobsOf(choice)),
  mean_logprob: (choice: Choice) => sum(logprobsOf(choice)) / logprobsOf(choice).length,
  self_certainty: (choice: Choice) => choice.self_certainty!,
  entropy: (choice: Choice) => -choice.mean_entropy!,
};
type Rule = keyof typeof scores;

const inOrder = (choices: readonly Choice[], rule: Rule): number[] =>
  [...choices.keys()].sort((a, b) => scores[rule](choices[b]!) - scores[rule](choices[a]!));

/** Answers with who gave them, the most voted first. */
function countVotes(choices: readonly Choice[]) {
  const byAnswer = new Map<string, number[]>();
  for (const index of inOrder(choices, "logprob")) {
    const [, answer] = /#(-?[0-9]+)$/.exec(choices[index]!.text) ?? [];
    if (answer !== undefined) byAnswer.set(answer, [...(byAnswer.get(answer) ?? []), index]);
  }
  return [...byAnswer].sort(([, one], [, other]) => other.length - one.length);
}

const streamOf = async (url: string, body: object): Promise<Chunk[]> => {
  const reply = await server.post(url, { ...body, stream: true, stream_options: { include_usage: true } });
  expect(reply.status, reply.text).toBe(200);
  return parseEvents(reply.text) as unknown as Chunk[];
};

describe("select", () => {
  it.each(Object.keys(scores) as Rule[])("returns the n best by %s, whole and streamed", async (select) => {
    const candidates = await candidatesOf(drawn);
    const chosen = inOrder(candidates, select).slice(0, 3);
    const asked = { ...drawn, n: 3, best_of, select };
    const { choices, selected, votes, usage } = await server.complete(asked);
    expect(choices.map(({ text }) => text)).toEqual(chosen.map((index) => candidates[index]!.text));
    expect(choices.map(({ index }) => index)).toEqual([0, 1, 2]);
    expect(selected).toEqual([
      {
        ...{ prompt: 0, kind: "chosen", select, candidates: best_of, drawn: best_of, chosen },
        evaluated_tokens: sum(candidates.map(({ standard }) => standard!.evaluated_tokens)),
      },
    ]);
    expect(votes).toBeUndefined();
    expect(usage!.completion_tokens).toBe(sum(candidates.map((choice) => logprobsOf(choice).length)));
    for (const choice of choices) expect(choice).not.toHaveProperty("self_certainty");

    const chunks = await streamOf("/v1/completions", asked);
    expect(chunks.pop()).toMatchObject({ choices: [], usage });
    expect(chunks[0]).toMatchObject({ choices: [], selected });
    for (const { index, text, finish_reason } of choices) {
      const own = chunks.flatMap((chunk) => chunk.choices).filter((choice) => choice.index === index);
      expect(own.map((choice) => choice.text).join("")).toBe(text);
      expect(own.at(-1)).toMatchObject({ finish_reason });
    }
  });

  it("goes by the likeliest where it says nothing, streamed too", async () => {
    const chosen = inOrder(await candidatesOf(drawn), "logprob").slice(0, 1);
    const { selected, choices } = await server.complete({ ...drawn, best_of });
    expect(selected).toMatchObject([{ select: "logprob", chosen }]);
    const chunks = await streamOf("/v1/completions", { ...drawn, best_of });
    expect(chunks.flatMap((chunk) => chunk.choices.map(({ text }) => text)).join("")).toBe(choices[0]!.text);
    expect((await server.complete(drawn)).selected).toBeUndefined();
  });

  it("chooses for each prompt of a list, with its log-probs and ids", async () => {
    const prompts = [prompt, "9-3="];
    const body = { ...drawn, prompt: prompts, best_of: 4, n: 2, select: "mean_logprob" };
    const told = { logprobs: 1, return_token_ids: true, echo: true };
    const { choices, selected } = await server.complete({ ...body, ...told });
    const all = await server.complete({ ...drawn, prompt: prompts, n: 4, ...told });
    expect(selected!.map(({ prompt: place }) => place).sort()).toEqual([0, 1]);
    for (const { prompt: place, chosen } of selected!) {
      for (const [rank, candidate] of chosen.entries()) {
        const { index, ...rest } = choices[2 * place + rank]!;
        expect(index).toBe(2 * place + rank);
        expect(rest).toMatchObject({
          text: all.choices[4 * place + candidate]!.text,
          logprobs: all.choices[4 * place + candidate]!.logprobs,
          token_ids: all.choices[4 * place + candidate]!.token_ids,
        });
      }
    }
  });

  it("is at work in chats and responses", async () => {
    const asked = { ...drawn, prompt: undefined, best_of, select: "self_certainty" };
    const chat = (await server.post("/v1/chat/completions", { ...asked, messages })).json() as {
      choices: { message: { content: string } }[];
      selected: object[];
    };
    const all = (
      await server.post("/v1/chat/completions", {
        ...drawn,
        prompt: undefined,
        messages,
        n: best_of,
        self_certainty: true,
      })
    ).json() as { choices: { message: { content: string }; self_certainty: number }[] };
    const best = all.choices.reduce((one, other) =>
      other.self_certainty > one.self_certainty ? other : one,
    );
    expect(chat.choices.map(({ message }) => message.content)).toEqual([best.message.content]);
    const chunks = await streamOf("/v1/chat/completions", { ...asked, messages });
    expect(chunks.flatMap(({ choices }) => choices.map(({ delta }) => delta!.content ?? "")).join("")).toBe(
      best.message.content,
    );
    const { max_tokens, ...rest } = asked;
    const response = (
      await server.post("/v1/responses", { ...rest, input: prompt, max_output_tokens: max_tokens })
    ).json() as ResponseBody;
    expect(textOf(response)).toBe(best.message.content);
    expect(response.selected).toEqual(chat.selected);
  });
});

describe("a vote", () => {
  it("returns the likeliest completion of the most voted answer, and says who voted for what", async () => {
    const candidates = await candidatesOf(drawn);
    const counted = countVotes(candidates);
    expect(counted.length).toBeGreaterThan(2);
    const voters = sum(counted.map(([, own]) => own.length));
    const { choices, selected, votes } = await server.complete({ ...drawn, best_of, ...voting });
    expect(votes).toEqual([
      {
        prompt: 0,
        answers: counted.map(([answer, own]) => ({
          answer,
          count: own.length,
          share: own.length / voters,
          candidates: own,
        })),
        unanswered: best_of - voters,
        candidates: best_of,
        drawn: best_of,
        skipped: 0,
        stopped_early: null,
        leader_confidence: expect.any(Number) as number,
      },
    ]);
    const winner = counted[0]![1][0]!;
    expect(choices).toHaveLength(1);
    expect(choices[0]!.text).toBe(candidates[winner]!.text);
    expect(selected).toMatchObject([{ select: "vote", chosen: [winner] }]);
  });

  it.each(["/v1/completions", "/v1/chat/completions"])("grows in a stream of %s", async (url) => {
    const asked = { ...drawn, prompt: url.includes("chat") ? undefined : prompt, best_of, ...voting };
    const body = url.includes("chat") ? { ...asked, messages } : asked;
    const whole: Chunk = (await server.post(url, body)).json();
    const chunks = await streamOf(url, body);
    expect(chunks.pop()).toMatchObject({ choices: [], usage: whole.usage });
    const tallies = chunks.filter((chunk) => chunk.votes !== undefined);
    expect(tallies.map(({ votes }) => votes![0]!.drawn)).toEqual(
      Array.from({ length: best_of }, (_, index) => index + 1),
    );
    expect(tallies.every(({ choices }) => choices.length === 0)).toBe(true);
    expect(tallies.at(-1)).toMatchObject({ votes: whole.votes, selected: whole.selected });
    const texts = chunks.flatMap(({ choices }) => choices);
    const said = texts.map((choice) => choice.delta?.content ?? (choice.delta ? "" : choice.text)).join("");
    expect(said).toBe(whole.choices[0]!.message?.content ?? whole.choices[0]!.text);
    // Nothing is said before it is over.
    const isOver = chunks.findIndex(({ selected }) => selected !== undefined);
    const before = chunks.slice(0, isOver).flatMap(({ choices }) => choices);
    expect(before.every((choice) => (choice.delta?.content ?? choice.text) === "")).toBe(true);
  });

  it("grows in events of a response and of a WebSocket", async () => {
    const { max_tokens, ...rest } = { ...drawn, prompt: undefined };
    const asked = { ...rest, input: prompt, max_output_tokens: max_tokens, best_of, ...voting, stream: true };
    const events = parseNamedEvents<{
      type: string;
      votes?: { drawn: number };
      response?: ResponseBody;
    }>((await server.post("/v1/responses", asked)).text);
    const told = events.filter(({ type }) => type === "metropolis.votes");
    expect(told.map(({ votes }) => votes!.drawn)).toEqual(
      Array.from({ length: best_of }, (_, index) => index + 1),
    );
    const { response } = events.at(-1)!;
    expect(response!.votes).toEqual([told.at(-1)!.votes]);
    expect(textOf(response!)).toMatch(/#-?[0-9]+$/);

    const watcher = await openWatcher(server.app);
    watcher.send({ id: "a", ...drawn, best_of, ...voting });
    const end = await watcher.end("a");
    if (end.type === "error") throw new Error(end.error.message);
    const watched = watcher.of("votes", "a");
    expect(watched.at(-1)!.votes).toEqual(end.response.votes![0]);
    expect(end.response.choices).toHaveLength(1);
    // Candidates are watched under their own numbers.
    expect(new Set(watcher.of("token", "a").map(({ index }) => index)).size).toBe(best_of);
    watcher.socket.terminate();
  });

  it.each([
    { sampler: "power", mcmc_steps: 2 },
    { sampler: "maximize", mcmc_steps: 2 },
    { sampler: "exact", alpha: 2 },
  ])("grows on a WebSocket while candidates' chains of %j are watched", async (sampler) => {
    const body = { prompt, seed: 5, ...sampler, max_tokens: 30, best_of: 5 };
    for (const chosen of [
      { ...body, ...voting },
      { ...body, n: 2 },
    ]) {
      const watcher = await openWatcher(server.app);
      watcher.send({ id: "a", ...chosen });
      const end = await watcher.end("a");
      if (end.type === "error") throw new Error(end.error.message);
      expect(new Set(watcher.of("progress", "a").map(({ index }) => index)).size).toBe(5);
      const whole = await server.complete(chosen);
      expect(end.response.choices.map(({ text }) => text)).toEqual(whole.choices.map(({ text }) => text));
      watcher.socket.terminate();
    }
  });

  it.each([
    { sampler: "power", mcmc_steps: 2 },
    { sampler: "power", kernel: "tempering", mcmc_steps: 2 },
    { sampler: "smc", particles: 3 },
    { sampler: "exact", alpha: 2 },
    { sampler: "low_temperature" },
    { sampler: "maximize", mcmc_steps: 2 },
  ])("is taken over completions of %j", async (sampler) => {
    const body = { prompt, seed: 5, ...sampler, max_tokens: 30 };
    const all = await server.complete({ ...body, n: 5, logprobs: 0 });
    const counted = countVotes(all.choices);
    const { choices, votes, mixing } = await server.complete({ ...body, best_of: 5, ...voting });
    expect(votes![0]!.answers.map(({ answer, candidates }) => [answer, candidates])).toEqual(counted);
    expect(choices[0]!.text).toBe(all.choices[counted[0]![1][0]!]!.text);
    // Chains that are not shown are compared, too.
    expect(mixing).toEqual(all.mixing);
    const chunks = await streamOf("/v1/completions", { ...body, best_of: 5, ...voting });
    expect(chunks.find((chunk) => chunk.mixing !== undefined)?.mixing).toEqual(all.mixing);
  });

  it("honours what completions are held to", async () => {
    const structured_outputs = { regex: "#(5|1[01])" };
    const { choices, votes } = await server.complete({ ...drawn, best_of, ...voting, structured_outputs });
    expect(votes![0]).toMatchObject({ unanswered: 0, drawn: best_of });
    for (const { answer } of votes![0]!.answers) expect(["5", "10", "11"]).toContain(answer);
    expect(choices[0]!.text).toBe(`#${votes![0]!.answers[0]!.answer}`);
    const json = {
      type: "json_schema",
      json_schema: { name: "digit", schema: { type: "integer", minimum: 0, maximum: 9 } },
    };
    const held = await server.complete({
      ...{ ...drawn, best_of, select: "vote", select_answer: "json", response_format: json },
    });
    expect(held.votes![0]!.answers[0]!.answer).toMatch(/^[0-9]$/);
    const wrong = { ...drawn, best_of, ...voting, structured_outputs: { regex: "(" } };
    expect(await server.refuse(wrong)).toMatchObject({ status: 400 });
  });

  it("returns the likeliest where no candidate has an answer", async () => {
    const asked = { ...drawn, best_of, select: "vote", select_answer: "boxed" };
    const { choices, votes } = await server.complete(asked);
    expect(votes).toMatchObject([{ answers: [], unanswered: best_of, leader_confidence: 0.5 }]);
    expect(choices[0]!.text).toBe((await server.complete({ ...drawn, best_of })).choices[0]!.text);
  });

  it.each(["last_number", "text", "choice"])("reads answers by %s", async (select_answer) => {
    const { votes } = await server.complete({ ...drawn, best_of, select: "vote", select_answer });
    const { answers, unanswered } = votes![0]!;
    expect(sum(answers.map(({ count }) => count)) + unanswered).toBe(best_of);
    expect(unanswered).toBe(select_answer === "choice" ? best_of : 0);
  });
});

describe("a vote that may stop early", () => {
  /** The server, with the candidates that were drawn. */
  const counting = async () => {
    const completer = await createToyCompleter({ toy: { seed: 4, scale: 14 }, lanes: 8 });
    const begun: number[] = [];
    let atOnce = 0;
    const most: number[] = [];
    const complete = completer.complete.bind(completer);
    completer.complete = async function* (request, signal) {
      begun.push(request.choice);
      most.push(++atOnce);
      try {
        yield* complete(request, signal);
      } finally {
        atOnce--;
      }
    };
    const app = await createTestApp({ completer });
    return { app, begun, most };
  };
  const asked = { prompt: "1+1=", seed: 1, max_tokens: 1, select: "vote", select_answer: "text" };

  it("draws no candidate that it does not need, in waves", async () => {
    const { app, begun, most } = await counting();
    const { votes, selected, choices } = await app.complete({ ...asked, best_of: 16, vote_confidence: 1 });
    const [{ answers, drawn: count, skipped, stopped_early }] = votes as [NonNullable<typeof votes>[number]];
    expect(begun).toHaveLength(count);
    expect(count + skipped).toBe(16);
    expect(count).toBeGreaterThanOrEqual(9);
    expect(stopped_early).toBe("settled");
    // No other answer could catch up.
    expect(answers[0]!.count).toBeGreaterThan((answers[1]?.count ?? 0) + skipped);
    // Nine have to agree at least: so many at once.
    expect(Math.max(...most)).toBe(9);
    expect(selected).toMatchObject([{ candidates: 16, drawn: count }]);
    const all = await app.complete({ ...asked, best_of: 16 });
    expect(all.votes![0]).toMatchObject({ drawn: 16, skipped: 0, stopped_early: null });
    expect(choices[0]!.text).toBe(all.choices[0]!.text);
    await app[Symbol.asyncDispose]();
  });

  it("stops at its confidence, streamed and whole, and counts what it skipped", async () => {
    const { app, begun } = await counting();
    const body = { ...asked, best_of: 64, vote_confidence: 0.95 };
    const { votes } = await app.complete(body);
    const { drawn: count, leader_confidence, stopped_early, answers } = votes![0]!;
    expect(stopped_early).toBe("confidence");
    expect(begun).toHaveLength(count);
    expect(count).toBeGreaterThanOrEqual(4);
    expect(count).toBeLessThan(64);
    expect(leader_confidence).toBeGreaterThanOrEqual(0.95);
    // All candidates but the last wave's left it below.
    if (answers.length === 1) expect(count).toBe(4);
    const chunks = parseEvents((await app.post("/v1/completions", { ...body, stream: true })).text);
    const told = chunks.filter((chunk) => "votes" in chunk) as unknown as CompletionResponse[];
    expect(told.at(-1)!.votes).toEqual(votes);
    const metrics = await app.app.inject({ url: "/metrics" });
    expect(metrics.body).toContain(`metropolis_skipped_candidates_total ${2 * (64 - count)}`);
    await app[Symbol.asyncDispose]();
  });

  it("draws all where answers stay apart, and where there are none", async () => {
    const { app, begun } = await counting();
    const none = { ...asked, best_of: 8, select_answer: "boxed", vote_confidence: 0.5 };
    expect((await app.complete(none)).votes).toMatchObject([
      { drawn: 8, skipped: 0, stopped_early: null, unanswered: 8 },
    ]);
    expect(begun.sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    await app[Symbol.asyncDispose]();
  });

  it("gives what the server's end leaves of it", async () => {
    let passes = 0;
    const completer = await createToyCompleter({
      lanes: 12,
      onStep: () => {
        if (++passes === 4) completer.endEarly();
      },
    });
    await using app = await createTestApp({ completer });
    const body = { ...asked, max_tokens: 60, ignore_eos: true, best_of: 16, vote_confidence: 1 };
    const { votes, choices, selected } = await app.complete(body);
    // The wave that ran has given what it had; those that wait for another are not begun.
    expect(votes).toMatchObject([{ stopped_early: "shutdown", candidates: 16 }]);
    expect(votes![0]!.skipped).toBeGreaterThan(0);
    expect(votes![0]!.skipped + votes![0]!.drawn).toBe(16);
    expect(choices).toMatchObject([{ ended_early: "shutdown", finish_reason: "length" }]);
    expect(selected).toMatchObject([{ drawn: votes![0]!.drawn }]);
  });
});

describe("what select does not take", () => {
  it.each([
    [{ select: "vote", select_answer: "text" }, "select", /best_of/],
    [{ select: "logprob", n: 3 }, "select", /best_of/],
    [{ select: "logprob", n: 3, best_of: 3 }, "select", /more than n/],
    [{ select: "vote", best_of: 4 }, "select_answer", /missing.*last_number/],
    [{ select: "vote", best_of: 4, n: 2, select_answer: "text" }, "n", /one winner/],
    [{ select: "logprob", best_of: 4, select_answer: "text" }, "select_answer", /vote/],
    [{ best_of: 4, vote_confidence: 0.9 }, "vote_confidence", /vote/],
    [{ select_answer: "text" }, "select_answer", /vote/],
    [{ best_of: 4, ...voting, vote_confidence: 0.4 }, "vote_confidence", /0\.5/],
    [{ best_of: 4, ...voting, vote_confidence: 1.1 }, "vote_confidence", /1/],
    [{ best_of: 4, select: "likeliest" }, "select", /self_certainty/],
    [{ best_of: 4, select: "vote", select_answer: "number" }, "select_answer", /last_number/],
    [
      { best_of: 4, select: "vote", select_answer: { type: "regex", pattern: "(a" } },
      "select_answer",
      /missing closing/,
    ],
    [
      { best_of: 4, select: "vote", select_answer: { type: "regex", pattern: "(?<=#)5" } },
      "select_answer",
      /lookarounds/,
    ],
    [{ best_of: 4, select: "logprob", sampler: "greedy" }, "select", /greedily/],
    [{ best_of: 4, ...voting, temperature: 0 }, "select", /greedily/],
    [{ best_of: 4, ...voting, top_k: 1 }, "select", /greedily/],
    [{ n: 4, best_of: 2, ...voting }, "best_of", /less than n/],
  ])("%j", async (body, param, message) => {
    const refusal = await server.refuse({ prompt, ...body });
    expect(refusal).toMatchObject({ status: 400, param });
    expect(refusal.message).toMatch(message);
    const chat = await server.post("/v1/chat/completions", { messages, ...body });
    expect(chat.json()).toMatchObject({ error: { param } });
  });

  it("lets clients be that send best_of of their own accord", async () => {
    for (const body of [
      { best_of: 1 },
      { best_of: null, select: null },
      { n: 2, best_of: 2 },
      { best_of: 3, temperature: 0 },
    ])
      expect((await server.post("/v1/completions", { prompt, ...body })).status).toBe(200);
  });

  it.each([
    ["self_certainty", { selfCertainty: false }],
    ["entropy", { entropy: "interval" }],
    ["entropy", { entropy: "unknown" }],
  ] as const)("%s where the engine has %j", async (select, lacks) => {
    const completer = await createToyCompleter();
    Object.assign(completer.model, { capabilities: { ...completer.model.capabilities, ...lacks } });
    await using toy = await createTestApp({ completer });
    expect(await toy.refuse({ prompt, best_of: 3, select })).toMatchObject({
      status: 400,
      code: "unsupported",
      param: "select",
    });
    for (const rule of selectRules.filter((name) => name !== select && name !== "vote")) {
      if (rule === "entropy" || rule === "self_certainty") continue;
      await toy.complete({ prompt, best_of: 3, select: rule });
    }
  });
});
