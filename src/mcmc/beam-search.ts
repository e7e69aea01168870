/**
 * Beam search: a search for the completion of the best score
 *
 *     score(x) = Σ_t log p(x_t) / length(x)^λ
 *
 * where length counts the prompt's tokens and the completion's, but no end token, as in vLLM (`get_beam_search_score`
 * in vllm/beam_search.py, whose `tokens` begin with the prompt).
 *
 * The beam holds N completions at most. A step asks the model about each that has not ended, and keeps the N of the
 * largest Σ log p among those that have and all continuations of those that have not; ties go to what was likelier
 * before, then to the lower token. So λ chooses among what is found, and does not say where to look. What ended in the
 * beam stays found when likelier ones take its place. The search is over when all in the beam have ended, at the
 * horizon, or once nothing live can overtake what is asked for: of x and all that begins with it, with log p(x) = Σ,
 *
 *     score ≤ Σ / (length at the horizon)^λ     λ ≥ 0
 *     score ≤ Σ / length(x)^λ                   λ < 0
 *
 * so that ending there changes nothing. With N = 1 it is greedy; the best is found where N is the number of completions.
 *
 * Differs from vLLM: there a beam ends at every end token among the 2·N likeliest after it, however unlikely, beside the
 * N that go on, and all is run to the horizon; its beam of one is not greedy. Source of the search: Graves, "Sequence
 * transduction with recurrent neural networks", arXiv 1211.3711; of length^λ: Wu et al., arXiv 1609.08144, section 7.
 */
import type { DrawCost } from "../core/draw-cost.ts";
import { mapAsync } from "../core/map-async.ts";
import type { TokenId } from "../core/tokens.ts";
import { Beam, closeAll, likeliestOf } from "./beam.ts";
import type { Grow } from "./beam.ts";
import type { Completion } from "./completion.ts";
import type { Candidates } from "./kernel.ts";

export interface Scoring {
  /** λ. */
  readonly lengthPenalty: number;
  /** Tokens; at least 1. */
  readonly promptLength: number;
  readonly isEndToken: (token: TokenId) => boolean;
}

export interface BeamSearchSettings {
  /** N. */
  readonly width: number;
  /** How many of the best are asked for; N at most. */
  readonly wanted: number;
  readonly scoring: Scoring;
  /** Most tokens of a completion. */
  readonly horizon: number;
  /** Whether one is asked about after the other, for the sake of a budget: see `mapAsync` in core/map-async.ts. */
  readonly inTurn: boolean;
  /** Once it is aborted, what may follow ends as at a budget's end. */
  readonly ending?: AbortSignal | undefined;
  /** Tells the N likeliest at least. */
  readonly grow: Grow;
}

export interface Ranked {
  readonly completion: Completion;
  readonly score: number;
  /** Tokens that the score counts. */
  readonly length: number;
}

/** Where a search stands: what it may come to has ended, or begins with what is live. */
export interface BeamStep {
  /** The best first. */
  readonly ended: readonly Ranked[];
  readonly live: readonly Pick<Ranked, "completion">[];
}

/** Why a search was over; the last two cut it off. */
export type SearchEnd = "all_ended" | "settled" | "max_tokens" | "budget" | "shutdown";

export interface BeamSearchResult {
  /** The best first; where the search was cut off, those that have ended before those that have not. */
  readonly found: readonly Ranked[];
  /** Times that the model's next token was looked at. */
  readonly drawnTokens: number;
  /** Those among them that the model was not asked for. */
  readonly rememberedTokens: number;
  readonly endedBy: SearchEnd;
}

/** Searches, and tells after each step where it stands. */
export async function* searchBeams(
  settings: BeamSearchSettings,
): AsyncGenerator<BeamStep, BeamSearchResult, undefined> {
  const { scoring } = settings;
  const cost: DrawCost = { evaluatedTokens: 0 };
  let drawnTokens = 0;
  let beams: readonly Beam[] = [new Beam([], 0)];
  let ended: readonly Ranked[] = [];
  try {
    for (;;) {
      const known = await askAll(beams, settings, cost);
      drawnTokens += known.size;
      const isCutOff = known.size < liveOf(beams).length;
      if (!isCutOff) {
        const grown = await step(beams, known, settings.width);
        const endedNow = grown.filter((beam) => beam.hasEnded && !beams.includes(beam));
        ended = best([...ended, ...endedNow.map((beam) => rank(beam, scoring))]);
        beams = grown;
        yield { ended, live: liveOf(beams) };
      }
      const endedBy = isCutOff ? cutOffBy(settings) : whyOver(beams, ended, settings);
      if (endedBy === undefined) continue;
      const live = liveOf(beams).map((beam) => rank(beam, scoring));
      return {
        found: endedBy === "max_tokens" ? best([...ended, ...live]) : [...ended, ...best(live)],
        drawnTokens,
        rememberedTokens: drawnTokens - cost.evaluatedTokens,
        endedBy,
      };
    }
  } finally {
    await closeAll(beams);
  }
}

const liveOf = (beams: readonly Beam[]): Beam[] => beams.filter(({ hasEnded }) => !hasEnded);

/** What may follow each that is live; fewer of them when the budget is spent. */
async function askAll(
  beams: readonly Beam[],
  { inTurn, grow }: BeamSearchSettings,
  cost: DrawCost,
): Promise<ReadonlyMap<Beam, Candidates>> {
  const pulled = await mapAsync(
    liveOf(beams),
    inTurn,
    async (beam) => [beam, await beam.pull(grow, cost)] as const,
  );
  return new Map(pulled.flatMap(([beam, next]) => (next === undefined ? [] : [[beam, next]])));
}

/** The likeliest of what has ended and of what may follow the others. */
async function step(
  beams: readonly Beam[],
  known: ReadonlyMap<Beam, Candidates>,
  width: number,
): Promise<readonly Beam[]> {
  const options = beams.flatMap((beam) => {
    const next = known.get(beam);
    return next === undefined ? [beam.stay()] : beam.continuations(next, width);
  });
  const grown = likeliestOf(options, width).map(({ become }) => become());
  // Before what goes on elsewhere is opened: a lane then passes from a beam to the one that goes on from it.
  await closeAll(beams);
  return grown;
}

function rank({ completion, logprob }: Beam, { lengthPenalty, promptLength, isEndToken }: Scoring): Ranked {
  const last = completion.at(-1);
  const endTokens = last?.ends === true && isEndToken(last.token) ? 1 : 0;
  const length = promptLength + completion.length - endTokens;
  return { completion, score: logprob / length ** lengthPenalty, length };
}

/** Ties stay in their order. */
const best = (ranked: readonly Ranked[]): Ranked[] =>
  ranked.toSorted((one, other) => other.score - one.score);

function whyOver(
  beams: readonly Beam[],
  ended: readonly Ranked[],
  { horizon, wanted, scoring }: BeamSearchSettings,
): SearchEnd | undefined {
  const live = liveOf(beams);
  if (live.length === 0) return "all_ended";
  if (live[0]!.completion.length === horizon) return "max_tokens";
  const { lengthPenalty, promptLength } = scoring;
  const most = live.map(({ completion, logprob }) => {
    // One may end with an end token, which does not count.
    const length = promptLength + (lengthPenalty >= 0 ? horizon : completion.length);
    return logprob / length ** lengthPenalty;
  });
  const last = ended[wanted - 1];
  return last !== undefined && last.score >= Math.max(...most) ? "settled" : undefined;
}

const cutOffBy = ({ ending }: BeamSearchSettings): SearchEnd =>
  ending?.aborted === true ? "shutdown" : "budget";
