import { InferenceError, shuttingDown } from "../../core/errors.ts";
import { uniform } from "../../core/random.ts";
import { logProbability } from "../../mcmc/completion.ts";
import { Envelope } from "../../mcmc/envelope.ts";
import { drawByRejection } from "../../mcmc/rejection.ts";
import type { RejectionResult, RejectionSettings } from "../../mcmc/rejection.ts";
import { withTop } from "../../sampling/law.ts";
import { measuredTop } from "../../sampling/measure.ts";
import { announce } from "../chain/decode-chain.ts";
import { memoized, SuffixSource } from "../chain/suffix-source.ts";
import type { DecodeContext, Decoded, DecodeEvent, Decoder } from "../decoder.ts";
import { decodePower } from "../power/decode.ts";
import { reportCost } from "../report.ts";
import { TryEvents } from "./try-events.ts";
import { countTries } from "./report.ts";
import type { ExactReport } from "./report.ts";
import { leastBudget, mostVisits } from "./settings.ts";
import type { ExactSettings } from "./settings.ts";

/** No block of a chain has this number: tries and the chain that answers in their place share no uniform. */
const triesStage = 0xffff_ffff;

/** Independent exact draws from p(x)^α by rejection, each under an envelope of its own that learns from its tries. */
export const decodeExact: Decoder<ExactSettings, ExactReport> = async function* (asked) {
  // What the tries have asked the model is there for the chain that may answer in their place.
  const context = {
    ...asked,
    engine: memoized(asked),
    accelerations: { ...asked.accelerations, memo: undefined },
  };
  const { request, settings, inverseTemperature, evaluatedTokens } = context;
  const rejection = rejectionSettings(context);
  const tries = drawByRejection(rejection);
  const events = new TryEvents(request.maxTokens);
  const length = { blocks: 1, steps: settings.maxTries };
  let next = await tries.next();
  for (; next.done !== true; next = await tries.next()) {
    for (const event of events.of(next.value)) yield* announce(event, length, request);
  }

  const result = next.value;
  const said = {
    alpha: settings.alpha,
    tries: result.tries,
    log_evidence_bound: rejection.envelope.logBound,
  };
  if (result.answer === undefined) return yield* answerInstead(context, result, said);
  const { topCount, logprobsMode } = request;
  const reported = { topCount, logprobsMode, sampling: { inverseTemperature } };
  const tokens = result.answer.map(({ top, ...token }) =>
    top === undefined ? token : withTop(token, top, reported),
  );
  yield { type: "tokens", tokens };
  return {
    report: {
      exact: true,
      ...said,
      log_evidence: result.logEvidence,
      logprob: logProbability(tokens),
      ...reportCost(result, evaluatedTokens()),
      budget_exhausted: false,
    },
  };
};

function rejectionSettings(context: DecodeContext<ExactSettings>): RejectionSettings {
  const { request, settings, engine, ends, ending, evaluatedTokens } = context;
  const { info } = engine;
  const { alpha, maxTries, maxEvaluatedTokens: budget = Infinity, fallback } = settings;
  const horizon = request.maxTokens;
  const topCount = Math.max(request.topCount, Math.min(measuredTop, info.capabilities.mostTop));
  const suffixes = new SuffixSource({ ...context, request: { ...request, topCount, logprobsMode: "raw" } });
  const needed = leastBudget(horizon, fallback !== undefined);
  return {
    envelope: new Envelope({
      alpha,
      horizon,
      vocabularySize: info.vocabularySize,
      mostVisits,
      endsWith: (kept, token) => ends.endsWith(kept, token),
    }),
    learns: true,
    horizon,
    maxTries,
    canAfford: () => evaluatedTokens() + needed <= budget,
    ending,
    draws: (number) => {
      const key = suffixes.keyOf({ stage: triesStage, step: number });
      return { accept: uniform(key, "accept"), select: (position) => uniform(key, "select", position) };
    },
    extend: ({ completion, beyond }, number, cost) =>
      suffixes.extend(completion, horizon, { stage: triesStage, step: number, branch: 0, beyond }, cost),
  };
}

/**
 * What becomes of a request none of whose tries was accepted.
 * @throws InferenceError `budget_exhausted` where it asks for no fallback, `shutting_down` where the server ended the tries
 */
async function* answerInstead(
  context: DecodeContext<ExactSettings>,
  result: RejectionResult,
  said: Pick<ExactReport, "alpha" | "tries" | "log_evidence_bound">,
): AsyncGenerator<DecodeEvent, Decoded<ExactReport>, undefined> {
  const { fallback, ...cost } = context.settings;
  if (result.endedBy === "ending") throw shuttingDown();
  if (fallback === undefined) throw notAccepted(result, said);
  const spent = context.evaluatedTokens();
  const { report, ...rest } = yield* decodePower({
    ...context,
    settings: { ...cost, ...fallback },
    // Its report is the chain's own: what the tries asked the model is told beside it.
    evaluatedTokens: () => context.evaluatedTokens() - spent,
  });
  const { logprob, budget_exhausted } = report;
  const drawn = {
    drawnTokens: result.drawnTokens + report.drawn_tokens,
    rememberedTokens: result.rememberedTokens + report.remembered_tokens,
  };
  const costs = reportCost(drawn, context.evaluatedTokens());
  return {
    ...rest,
    report: {
      exact: false,
      ...said,
      log_evidence: null,
      logprob,
      ...costs,
      budget_exhausted,
      fallback: report,
    },
  };
}

function notAccepted(
  { endedBy, tries }: RejectionResult,
  { log_evidence_bound: bound }: Pick<ExactReport, "log_evidence_bound">,
): InferenceError {
  const param = endedBy === "budget" ? "max_evaluated_tokens" : "max_tries";
  return new InferenceError(
    "budget_exhausted",
    `No exact draw in ${countTries(tries)}: the log of the sum of p(x)^alpha is ${bound.toFixed(1)} at most. Raise ${param}, lower alpha, ask for a shorter completion, or set fallback to 'power'.`,
    { param },
  );
}
