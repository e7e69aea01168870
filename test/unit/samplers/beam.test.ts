import { describe, expect, it } from "vitest";
import type { CompletionEvent, GenerateRequest } from "../../../src/decoder/completer.ts";
import type { LocalCompleter } from "../../../src/decoder/local-completer.ts";
import { localDetails } from "../../../src/engine/health.ts";
import type { BeamReport } from "../../../src/samplers/beam/report.ts";
import type { SettingsOf } from "../../../src/samplers/registry.ts";
import { createToyCompleter } from "../../support/toy-completer.ts";
import { never } from "../../support/toy-engine.ts";
import { createToyModel, logSoftmax } from "../../support/toy-model.ts";

const toy = { vocabularySize: 18, scale: 4 };
const model = createToyModel(toy);
/** The embedded model's, whose tokens these are. */
const endToken = 16;
const prompt = [1, 2, 3, 4, 5, 6, 7];
const maxTokens = 6;

const open = (memo = true): Promise<LocalCompleter> =>
  createToyCompleter({
    model,
    lanes: 3,
    scheduler: { prefixStoreBytes: 1 << 20 },
    switches: { memo, earlyRejection: true, prefetch: false },
  });

type Changes = Partial<Omit<GenerateRequest, "settings">> & {
  readonly settings?: Partial<SettingsOf<"beam">>;
};

const requestOf = ({ settings, ...changes }: Changes): GenerateRequest => ({
  prompt,
  maxTokens,
  stop: [],
  seed: 1,
  choice: 0,
  topCount: 0,
  share: { client: "c", request: "r", priority: "interactive" },
  ...changes,
  settings: { sampler: "beam", beamWidth: 4, lengthPenalty: 0, candidates: 1, ...settings },
});

interface Answer {
  readonly tokens: readonly number[];
  /** Tokens of each event. */
  readonly pieces: readonly number[];
  readonly report: BeamReport;
}

async function ask(completer: LocalCompleter, changes: Changes = {}): Promise<Answer> {
  const events: CompletionEvent[] = [];
  for await (const event of completer.complete(requestOf(changes), never)) events.push(event);
  const runs = events.flatMap((event) =>
    event.type === "text" ? [Array.from(event.tokens, ({ token }) => token)] : [],
  );
  const finish = events.find((event) => event.type === "finish");
  return { tokens: runs.flat(), pieces: runs.map(({ length }) => length), report: finish!.report.beam! };
}

interface Candidate {
  readonly tokens: readonly number[];
  readonly logprob: number;
}

/** By the book: the width likeliest of what is there, length by length; the likeliest first. */
function likeliest(width: number): Candidate[] {
  const hasEnded = ({ tokens }: Candidate): boolean => tokens.at(-1) === endToken;
  let beams: Candidate[] = [{ tokens: [], logprob: 0 }];
  const found = new Set<Candidate>();
  for (let length = 0; length < maxTokens; length++) {
    beams = beams
      .flatMap((beam) =>
        hasEnded(beam)
          ? [beam]
          : logSoftmax(model.logits([...prompt, ...beam.tokens])).map((log, token) => ({
              tokens: [...beam.tokens, token],
              logprob: beam.logprob + log,
            })),
      )
      .toSorted((one, other) => other.logprob - one.logprob)
      .slice(0, width);
    for (const beam of beams) if (hasEnded(beam)) found.add(beam);
  }
  for (const beam of beams) found.add(beam);
  return [...found].toSorted((one, other) => other.logprob - one.logprob);
}

describe("the beam sampler over the engine", () => {
  it.each([1, 2, 4, 9])(
    "finds with %i beams on fewer lanes what the search finds by the book",
    async (beamWidth) => {
      await using completer = await open();
      const expected = likeliest(beamWidth);
      for (let place = 0; place < beamWidth; place++) {
        const settings = { beamWidth, candidates: beamWidth };
        const { tokens, report } = await ask(completer, { settings, choice: place });
        expect(tokens).toEqual(expected[place]!.tokens);
        expect(report).toMatchObject({ kind: "search", beam_width: beamWidth, rank: place + 1 });
        expect(report.logprob).toBeCloseTo(expected[place]!.logprob, 5);
        expect(report.score).toBe(report.logprob);
      }
    },
  );

  it.each([2, 3, 8])(
    "runs no token twice: what goes on from one of %i beams takes over its K/V",
    async (beamWidth) => {
      await using completer = await open(false);
      const { report } = await ask(completer, { settings: { beamWidth }, maxTokens: 12, ignoreEnd: true });
      expect(report.evaluated_tokens).toBe(report.drawn_tokens);
      expect(report.drawn_tokens).toBe(1 + 11 * beamWidth);
      const health = await completer.health();
      // One for the prompt and its first token; then as many as the lanes need for all beams.
      expect(localDetails(health)!.passes).toBe(1 + 11 * Math.ceil(beamWidth / 3));
      expect(health.evaluatedTokens).toBe(prompt.length - 1 + report.drawn_tokens);
    },
  );

  it("asks the model for several completions of a prompt what it asks for one, and nothing the next time", async () => {
    await using alone = await open();
    const settings = { beamWidth: 4, candidates: 4 };
    const { report: one } = await ask(alone, { settings });
    expect(one).toMatchObject({ remembered_tokens: 0, discarded_tokens: 0 });
    await using completer = await open();
    const answers = await Promise.all([0, 1, 2, 3].map((choice) => ask(completer, { settings, choice })));
    expect(new Set(answers.map(({ tokens }) => tokens.join())).size).toBe(4);
    const paid = answers.reduce((sum, { report }) => sum + report.evaluated_tokens, 0);
    expect(paid).toBe(one.evaluated_tokens);
    for (const { report } of answers) {
      expect(report.drawn_tokens).toBe(one.drawn_tokens);
      expect(report.evaluated_tokens + report.remembered_tokens).toBe(report.drawn_tokens);
    }
    const { report: again } = await ask(completer, { settings, seed: 77 });
    expect(again).toMatchObject({ evaluated_tokens: 0, remembered_tokens: one.drawn_tokens });
  });

  it("tells tokens once every completion that may be the answer has them", async () => {
    await using completer = await open();
    let early = 0;
    for (let first = 0; first < 12; first++) {
      const { tokens, pieces, report } = await ask(completer, { prompt: [first, 3], maxTokens: 12 });
      expect(pieces.reduce((sum, length) => sum + length, 0)).toBe(tokens.length);
      expect(report.logprob).toBeLessThan(0);
      if (pieces.length > 1) early++;
    }
    expect(early).toBeGreaterThan(2);
  });

  it("says by its length penalty which of them is the best", async () => {
    await using completer = await open();
    const lengthOf = async (lengthPenalty: number): Promise<number> => {
      let sum = 0;
      for (let first = 0; first < 10; first++) {
        const settings = { lengthPenalty, beamWidth: 8 };
        const { tokens, report } = await ask(completer, { prompt: [first], settings });
        const counted = 1 + tokens.filter((token) => token !== endToken).length;
        expect(report.length).toBe(counted);
        expect(report.score).toBeCloseTo(report.logprob / counted ** lengthPenalty, 12);
        sum += tokens.length;
      }
      return sum;
    };
    const [short, likely, long] = [await lengthOf(-3), await lengthOf(0), await lengthOf(6)];
    expect(short).toBeLessThanOrEqual(likely);
    expect(likely).toBeLessThan(long);
  });

  it("says when there are fewer completions than are asked for", async () => {
    await using completer = await open();
    const settings = { beamWidth: 18 * 2, candidates: 18 * 2 };
    const asked = { settings, maxTokens: 1 };
    expect((await ask(completer, { ...asked, choice: 17 })).tokens).toHaveLength(1);
    await expect(ask(completer, { ...asked, choice: 18 })).rejects.toMatchObject({
      code: "invalid_request",
      param: "n",
      message: expect.stringMatching(/came to 18/) as string,
    });
  });
});
