import { logProbability } from "../../mcmc/completion.ts";
import { acceptance } from "../../mcmc/diagnostics.ts";
import type { ChainDiagnostics } from "../../mcmc/diagnostics.ts";
import { KeyedDraws } from "../../mcmc/keyed-draws.ts";
import { isWorthItsRows } from "../../mcmc/prefetch-policy.ts";
import type { PrefetchPolicy } from "../../mcmc/prefetch-policy.ts";
import { suffixGap } from "../../mcmc/settle.ts";
import { horizons } from "../../mcmc/schedule.ts";
import type { Driver, StageEvent, StagesResult, StageSettings } from "../../mcmc/stages.ts";
import type { ChainLength, DecodeContext, DecodeEvent, DecodeRequest, Progress } from "../decoder.ts";
import type { ChainSettings } from "./fields.ts";
import { reportCost } from "../report.ts";
import type { StepCounts, StepReport } from "./report.ts";
import { SuffixSource } from "./suffix-source.ts";

export interface DecodedChain<Result> {
  readonly result: Result;
  readonly report: StepReport;
}

/** Runs a chain or a search over whole completions to its end, tells how it gets on, and yields what it came to. */
export async function* decodeChain<Result extends StagesResult>(
  context: DecodeContext<ChainSettings>,
  driver: Driver<Result>,
): AsyncGenerator<DecodeEvent, DecodedChain<Result>, undefined> {
  const settings = stageSettings(context, driver);
  const length = { blocks: settings.horizons.length, steps: settings.stepsPerBlock };
  const chain = driver.run(settings);
  let next = await chain.next();
  try {
    for (; next.done !== true; next = await chain.next()) {
      yield* announce(next.value, length, context.request);
    }
  } finally {
    // When the reader leaves, steps that were begun ahead are called off.
    if (next.done !== true) await chain.return(undefined as never);
  }
  // Until the last step any token may still change, so nothing is final before.
  yield { type: "tokens", tokens: next.value.state };
  return { result: next.value, report: reportOf(next.value, context) };
}

function prefetchPolicy(
  { engine, accelerations, isIsolated }: DecodeContext<ChainSettings>,
  { rowsPerStep }: Pick<Driver, "rowsPerStep">,
): PrefetchPolicy | undefined {
  if (!accelerations.prefetch || isIsolated) return undefined;
  return (underWay) => {
    const load = engine.load();
    if (load === undefined) return false;
    const { lanes, pulled, passMs, aloneGain } = load;
    const others = Math.max(0, pulled - rowsPerStep * underWay.count);
    return isWorthItsRows(underWay, { lanes, others, passMs, aloneGain }, rowsPerStep);
  };
}

/** How long a request's chain runs, and where it draws its tokens and uniforms from. */
export function stageSettings(
  context: DecodeContext<ChainSettings>,
  driver: Pick<Driver, "rowsPerStep">,
): StageSettings {
  const { request, settings, accelerations, isIsolated, ending } = context;
  const suffixes = new SuffixSource(context);
  return {
    horizons: horizons(request.maxTokens, settings.blockSize),
    stepsPerBlock: settings.mcmcSteps,
    schedule: settings.schedule,
    earlyRejection: accelerations.earlyRejection,
    prefetch: prefetchPolicy(context, driver),
    inTurn: isIsolated,
    ending,
    draws: (address) => new KeyedDraws(suffixes.keyOf(address)),
    extend: (kept, horizon, address, cost) => suffixes.extend(kept, horizon, address, cost),
    narrow: suffixes.narrow,
    candidates: (kept, horizon, address, cost) => suffixes.candidates(kept, horizon, address, cost),
  };
}

/** Tells of what happened, where the request wants to know. */
export function* announce(
  event: StageEvent,
  length: ChainLength,
  request: Pick<DecodeRequest, "trace" | "progress">,
): Generator<DecodeEvent, void, undefined> {
  if (request.trace === true) yield { type: "chain", event, length };
  if (request.progress === true) yield { type: "progress", progress: progressOf(event, length) };
}

function progressOf(event: StageEvent, { blocks, steps }: ChainLength): Progress {
  const { stage, step } = event.type === "block" ? { stage: event.stage, step: 0 } : event.address;
  const { moved, unchanged, rejected, rejected_early, acceptance } = reportSteps(event.diagnostics);
  const counts = { moved, unchanged, rejected, rejected_early, acceptance };
  return { block: stage + 1, blocks, step, steps, ...counts };
}

/** What a chain's tally says in reports, in progress and beside them. */
function reportSteps(diagnostics: ChainDiagnostics): Omit<StepCounts, "blocks"> {
  const { steps, accepted, unchanged, rejected, rejected_early } = diagnostics;
  return {
    steps,
    moved: accepted,
    unchanged,
    rejected,
    rejected_early,
    accepted,
    acceptance: acceptance(diagnostics),
  };
}

function reportOf(
  { state, diagnostics, blocks, budgetExhausted }: StagesResult,
  { evaluatedTokens, engine }: Pick<DecodeContext<unknown>, "evaluatedTokens" | "engine">,
): StepReport {
  const { undecidedSteps, undecidedWidth } = diagnostics;
  const bounds = {
    undecided_steps: undecidedSteps,
    undecided_width: undecidedWidth,
    log_z_width: suffixGap(state, 0),
  };
  return {
    logprob: logProbability(state),
    ...reportCost(diagnostics, evaluatedTokens()),
    budget_exhausted: budgetExhausted,
    ...reportSteps(diagnostics),
    blocks,
    ...(engine.info.capabilities.logNormalizer === "interval" ? bounds : {}),
  };
}
