import { logProbability } from "../../mcmc/completion.ts";
import { acceptance, noSteps } from "../../mcmc/diagnostics.ts";
import type { ChainDiagnostics } from "../../mcmc/diagnostics.ts";
import { KeyedDraws } from "../../mcmc/keyed-draws.ts";
import type { StepAddress } from "../../mcmc/open-step.ts";
import { isWorthItsRows } from "../../mcmc/prefetch-policy.ts";
import type { PrefetchPolicy } from "../../mcmc/prefetch-policy.ts";
import { suffixGap } from "../../mcmc/settle.ts";
import { horizons } from "../../mcmc/schedule.ts";
import type { Driver, StageEvent, StagesResult, StageSettings } from "../../mcmc/stages.ts";
import type { ChainLength, DecodeContext, DecodeEvent, DecodeRequest, Progress } from "../decoder.ts";
import { DraftProgress } from "./draft-progress.ts";
import type { Drafted } from "./draft-progress.ts";
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
  const draft = context.request.progress === true ? new DraftProgress() : undefined;
  const settings = stageSettings(context, driver, draft);
  const length = { blocks: settings.horizons.length, steps: settings.stepsPerBlock };
  const chain = driver.run(settings);
  let last: StageEvent | undefined;
  let result: Result | undefined;
  try {
    while (result === undefined) {
      const coming = chain.next();
      if (draft !== undefined) yield* tellDraft(draft.until(coming), last, length);
      const next = await coming;
      if (next.done === true) result = next.value;
      else {
        last = next.value;
        yield* announce(last, length, context.request);
      }
    }
  } finally {
    // When the reader leaves, steps that were begun ahead are called off.
    if (result === undefined) await chain.return(undefined as never);
  }
  // Until the last step any token may still change, so nothing is final before.
  yield { type: "tokens", tokens: result.state };
  return { result, report: reportOf(result, context) };
}

/** @param last what happened before; nothing at the start */
async function* tellDraft(
  draft: AsyncIterable<Drafted>,
  last: StageEvent | undefined,
  length: ChainLength,
): AsyncGenerator<DecodeEvent, void, undefined> {
  const block = last === undefined ? 0 : stageOf(last) + 1;
  for await (const { tokens, horizon } of draft) {
    const steps = reportSteps(last?.diagnostics ?? noSteps);
    yield {
      type: "progress",
      progress: { ...countsAt({ stage: block, step: 0 }, steps, length), drafted_tokens: tokens, horizon },
    };
  }
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
  draft?: DraftProgress,
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
    candidates: (kept, horizon, address, cost) => {
      const drawn = suffixes.candidates(kept, horizon, address, cost);
      return draft?.follow(drawn, { tokens: kept.length, horizon }) ?? drawn;
    },
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

function progressOf(event: StageEvent, length: ChainLength): Progress {
  const step = event.type === "block" ? 0 : event.address.step;
  return countsAt({ stage: stageOf(event), step }, reportSteps(event.diagnostics), length);
}

const stageOf = (event: StageEvent): number => (event.type === "block" ? event.stage : event.address.stage);

function countsAt(
  { stage, step }: Pick<StepAddress, "stage" | "step">,
  { moved, unchanged, rejected, rejected_early, acceptance }: Omit<StepCounts, "blocks">,
  { blocks, steps }: ChainLength,
): Progress {
  return { block: stage + 1, blocks, step, steps, moved, unchanged, rejected, rejected_early, acceptance };
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
