import { InferenceError, shuttingDown } from "../../core/errors.ts";
import { searchBeams } from "../../mcmc/beam-search.ts";
import type { BeamSearchResult, BeamStep, Ranked } from "../../mcmc/beam-search.ts";
import { logProbability } from "../../mcmc/completion.ts";
import { SuffixSource } from "../chain/suffix-source.ts";
import type { DecodeContext, Decoder } from "../decoder.ts";
import { reportCost } from "../report.ts";
import type { BeamReport } from "./report.ts";
import type { BeamSettings } from "./settings.ts";

/**
 * Beam search: each completion of a prompt is the next one of the best that the same search finds. They share what the
 * model said by way of the memo, so that several cost what one does.
 */
export const decodeBeam: Decoder<BeamSettings, BeamReport> = async function* (context) {
  const { beamWidth, lengthPenalty, candidates } = context.settings;
  const place = context.request.choice % candidates;
  const search = searchFor(context);
  let final = 0;
  let next = await search.next();
  try {
    for (; next.done !== true; next = await search.next()) {
      const tokens = finalTokens(next.value, place, final);
      final += tokens.length;
      if (tokens.length > 0) yield { type: "tokens", tokens };
    }
  } finally {
    if (next.done !== true) await search.return(undefined as never);
  }
  const result = next.value;
  const { completion, score, length } = answerOf(result, place);
  if (completion.length > final) yield { type: "tokens", tokens: completion.slice(final) };
  return {
    report: {
      kind: "search",
      beam_width: beamWidth,
      length_penalty: lengthPenalty,
      rank: place + 1,
      score,
      length,
      ended_by: result.endedBy,
      logprob: logProbability(completion),
      ...reportCost(result, context.evaluatedTokens()),
      budget_exhausted: result.endedBy === "budget",
    },
    endedEarly: result.endedBy === "shutdown",
  };
};

function searchFor(context: DecodeContext<BeamSettings>): ReturnType<typeof searchBeams> {
  const { request, settings, ends, isIsolated, ending } = context;
  const { beamWidth: width, lengthPenalty, candidates: wanted } = settings;
  // Every seed and choice draws alike what the engine goes on with: what is remembered then serves them all.
  const suffixes = new SuffixSource({ ...context, request: { ...request, seed: 0, choice: 0 } }, width);
  const horizon = request.maxTokens;
  return searchBeams({
    width,
    wanted,
    scoring: {
      lengthPenalty,
      promptLength: request.prompt.length,
      isEndToken: (token) => ends.tokens.has(token),
    },
    horizon,
    inTurn: isIsolated,
    ending,
    grow: (kept, cost) => suffixes.candidates(kept, horizon, { stage: 0, step: 0, branch: 0 }, cost),
  });
}

/** Tokens from a place on that all have in common which may yet be the one of this place among the best. */
function finalTokens({ ended, live }: BeamStep, place: number, from: number): Ranked["completion"] {
  const possible = [...ended.slice(0, place + 1), ...live].map(({ completion }) => completion);
  const [first, ...others] = possible as [Ranked["completion"], ...Ranked["completion"][]];
  const differs = first.findIndex(
    ({ token }, position) => position >= from && others.some((other) => other[position]?.token !== token),
  );
  return first.slice(from, differs < 0 ? undefined : differs);
}

/** @throws InferenceError `invalid_request` where there are not so many, `shutting_down` where they were not looked for */
function answerOf({ found, endedBy }: BeamSearchResult, place: number): Ranked {
  const answer = found[place];
  if (answer !== undefined) return answer;
  if (endedBy === "shutdown") throw shuttingDown();
  throw new InferenceError(
    "invalid_request",
    `n asks for more completions than there are: the search came to ${found.length}. Lower n.`,
    { param: "n" },
  );
}
