import { describe, expect, it } from "vitest";
import { threefry4x32 } from "../../../src/core/random.ts";
import type { TokenIds } from "../../../src/core/tokens.ts";
import type { Grow } from "../../../src/mcmc/beam.ts";
import { searchBeams } from "../../../src/mcmc/beam-search.ts";
import type {
  BeamSearchResult,
  BeamSearchSettings,
  BeamStep,
  Ranked,
} from "../../../src/mcmc/beam-search.ts";
import type { CompletionToken } from "../../../src/mcmc/completion.ts";
import { createToyModel, enumerate, logSoftmax } from "../../support/toy-model.ts";
import type { EnumeratedCompletion, ToyModel } from "../../support/toy-model.ts";

const prompt = [0, 1, 0];

interface Search {
  readonly model: ToyModel;
  readonly width: number;
  readonly horizon: number;
  readonly lengthPenalty: number;
  readonly wanted?: number;
  /** Evaluations after which nothing more is told. */
  readonly budget?: number;
}

/** What a model says after a prefix, going on with tokens that are as good as any. */
const growing = ({ model, horizon, budget = Infinity }: Search, opened: TokenIds[]): Grow =>
  async function* (kept, cost) {
    opened.push(kept.map(({ token }) => token));
    const before = [...kept];
    while (before.length < horizon && before.at(-1)?.ends !== true) {
      if (cost.evaluatedTokens === budget) return;
      cost.evaluatedTokens++;
      const prefix = [...prompt, ...before.map(({ token }) => token)];
      const logs = logSoftmax(model.logits(prefix));
      const ids = logs.map((_, id) => id).toSorted((one, other) => logs[other]! - logs[one]!);
      const top = { ids: Int32Array.from(ids), logprobs: Float64Array.from(ids, (id) => logs[id]!) };
      const take = (rank: number): CompletionToken => {
        const token = ids[rank]!;
        const scored = { token, logprob: logs[token]!, logNormalizer: 0, entropy: 0 };
        return token === model.endToken ? { ...scored, ends: true } : scored;
      };
      const [word] = threefry4x32([0, 0, 0, 0], [prefix.length, prefix.at(-1)!, 0, 0]);
      const drawn = take(word % ids.length);
      yield { top, drawn, take };
      before.push(drawn);
    }
  };

async function run(search: Search): Promise<{
  readonly result: BeamSearchResult;
  readonly steps: readonly BeamStep[];
  readonly opened: readonly TokenIds[];
}> {
  const { model, width, wanted = 1, horizon, lengthPenalty } = search;
  const opened: TokenIds[] = [];
  const settings: BeamSearchSettings = {
    width,
    wanted,
    horizon,
    scoring: { lengthPenalty, promptLength: prompt.length, isEndToken: (token) => token === model.endToken },
    inTurn: true,
    grow: growing(search, opened),
  };
  const steps: BeamStep[] = [];
  const searching = searchBeams(settings);
  for (;;) {
    const next = await searching.next();
    if (next.done === true) return { result: next.value, steps, opened };
    steps.push(next.value);
  }
}

const tokensOf = ({ completion }: Pick<Ranked, "completion">): TokenIds =>
  completion.map(({ token }) => token);

const scoreOf = (
  { endToken }: ToyModel,
  { tokens, logprob }: EnumeratedCompletion,
  penalty: number,
): number => logprob / (prompt.length + tokens.filter((token) => token !== endToken).length) ** penalty;

const byScore = (
  model: ToyModel,
  completions: readonly EnumeratedCompletion[],
  penalty: number,
): EnumeratedCompletion[] =>
  completions.toSorted((one, other) => scoreOf(model, other, penalty) - scoreOf(model, one, penalty));

/** The same search by the book, to the horizon. */
function byTheBook({ model, width, horizon, lengthPenalty }: Search): {
  readonly found: readonly EnumeratedCompletion[];
  readonly evaluations: number;
} {
  const hasEnded = ({ tokens }: EnumeratedCompletion): boolean => tokens.at(-1) === model.endToken;
  let beams: EnumeratedCompletion[] = [{ tokens: [], logprob: 0 }];
  const found = new Set<EnumeratedCompletion>();
  let evaluations = 0;
  for (let length = 0; length < horizon; length++) {
    const options = beams.flatMap((beam) => {
      if (hasEnded(beam)) return [beam];
      evaluations++;
      return logSoftmax(model.logits([...prompt, ...beam.tokens])).map((log, token) => ({
        tokens: [...beam.tokens, token],
        logprob: beam.logprob + log,
      }));
    });
    beams = options.toSorted((one, other) => other.logprob - one.logprob).slice(0, width);
    for (const beam of beams) if (hasEnded(beam)) found.add(beam);
  }
  for (const beam of beams) found.add(beam);
  return { found: byScore(model, [...found], lengthPenalty), evaluations };
}

const models = [
  ...Array.from({ length: 6 }, (_, seed) => createToyModel({ seed, vocabularySize: 3, endBias: 0.5 })),
  ...Array.from({ length: 4 }, (_, seed) => createToyModel({ seed, vocabularySize: 4, endBias: -1 })),
];
const penalties = [-2, 0, 0.6, 1, 3];
const cases = models.flatMap((model) => penalties.map((lengthPenalty) => ({ model, lengthPenalty })));

describe("beam search", () => {
  it("finds the best of all completions where it is wide enough, and the others in their order", async () => {
    for (const { model, lengthPenalty } of cases) {
      for (const horizon of [1, 2, 4]) {
        const all = byScore(model, enumerate(model, prompt, horizon), lengthPenalty);
        const search = { model, horizon, lengthPenalty, width: all.length };
        const { result } = await run({ ...search, wanted: all.length });
        expect(result.found.map(tokensOf)).toEqual(all.map(({ tokens }) => tokens));
        for (const [place, { score }] of result.found.entries())
          expect(score).toBeCloseTo(scoreOf(model, all[place]!, lengthPenalty), 12);
        expect(tokensOf((await run(search)).result.found[0]!)).toEqual(all[0]!.tokens);
      }
    }
  });

  it("with one beam is greedy, whatever the length penalty", async () => {
    let ended = 0;
    for (const { model, lengthPenalty } of cases) {
      const { result } = await run({ model, lengthPenalty, horizon: 7, width: 1 });
      const greedy: number[] = [];
      while (greedy.length < 7 && greedy.at(-1) !== model.endToken) {
        const logs = logSoftmax(model.logits([...prompt, ...greedy]));
        greedy.push(logs.indexOf(Math.max(...logs)));
      }
      expect(result.found.map(tokensOf)).toEqual([greedy]);
      if (result.endedBy === "all_ended") ended++;
    }
    expect(ended).toBeGreaterThan(5);
  });

  it("finds what it finds by the book, and ends early only where that changes nothing", async () => {
    const ends = new Map<string, number>();
    let [asked, wouldAsk] = [0, 0];
    for (const { model, lengthPenalty } of cases) {
      for (const width of [1, 2, 3, 5, 9]) {
        for (const wanted of [1, 2].filter((most) => most <= width)) {
          const search = { model, lengthPenalty, width, wanted, horizon: 6 };
          const { result, opened } = await run(search);
          const { found, evaluations } = byTheBook(search);
          expect(result.found.slice(0, wanted).map(tokensOf)).toEqual(
            found.slice(0, wanted).map(({ tokens }) => tokens),
          );
          ends.set(result.endedBy, (ends.get(result.endedBy) ?? 0) + 1);
          expect(result.drawnTokens).toBeLessThanOrEqual(evaluations);
          // What the engine had open is gone on with where it is a beam.
          expect(opened.length).toBeLessThanOrEqual(result.drawnTokens);
          asked += result.drawnTokens;
          wouldAsk += evaluations;
        }
      }
    }
    for (const end of ["all_ended", "settled", "max_tokens"]) expect(ends.get(end), end).toBeGreaterThan(3);
    expect(asked).toBeLessThan(0.95 * wouldAsk);
  });

  it("finds better ones than greedy does, and better ones the wider it is", async () => {
    const meanScore = async (width: number): Promise<number> => {
      let sum = 0;
      for (const { model, lengthPenalty } of cases)
        sum += (await run({ model, lengthPenalty, width, horizon: 6 })).result.found[0]!.score;
      return sum / cases.length;
    };
    const [greedy, few, many] = [await meanScore(1), await meanScore(3), await meanScore(30)];
    expect(few).toBeGreaterThan(greedy);
    expect(many).toBeGreaterThanOrEqual(few);
  });

  it("tells after each step all that it may come to", async () => {
    for (const { model, lengthPenalty } of cases) {
      const { result, steps } = await run({ model, lengthPenalty, width: 3, wanted: 3, horizon: 6 });
      for (const { ended, live } of steps) {
        for (const { completion } of result.found) {
          const begins = (beginning: Pick<Ranked, "completion">): boolean =>
            tokensOf(beginning).every((token, position) => completion[position]?.token === token);
          expect([...ended, ...live].some(begins)).toBe(true);
        }
      }
    }
  });

  it("stops where a budget ends, with what has ended before what has not", async () => {
    let [withEnded, without] = [0, 0];
    for (const { model, lengthPenalty } of cases) {
      for (const budget of [1, 4, 7]) {
        const { result } = await run({ model, lengthPenalty, width: 2, wanted: 2, horizon: 9, budget });
        if (result.endedBy !== "budget") continue;
        expect(result.drawnTokens).toBe(budget);
        const isEnded = result.found.map(({ completion }) => completion.at(-1)!.ends === true);
        expect(isEnded).toEqual(isEnded.toSorted((one, other) => Number(other) - Number(one)));
        if (isEnded[0] === true) withEnded++;
        else without++;
      }
    }
    expect(Math.min(withEnded, without)).toBeGreaterThan(0);
  });
});
