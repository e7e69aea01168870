import { runChain } from "../../mcmc/chain.ts";
import type { ChainEvent, ChainResult, ChainSettings } from "../../mcmc/chain.ts";
import { logProbability } from "../../mcmc/completion.ts";
import { acceptance } from "../../mcmc/diagnostics.ts";
import type { Kernel } from "../../mcmc/kernel.ts";
import { KeyedDraws } from "../../mcmc/keyed-draws.ts";
import { horizons } from "../../mcmc/schedule.ts";
import { isWorthItsRows } from "../../mcmc/step-ahead.ts";
import type { PrefetchPolicy } from "../../mcmc/step-ahead.ts";
import type { PowerTarget } from "../../mcmc/target.ts";
import type { DecodeContext, DecodeEvent, Progress } from "../decoder.ts";
import type { ChainSettings as ChosenChain } from "./fields.ts";
import type { StepReport } from "./report.ts";
import { SuffixSource } from "./suffix-source.ts";

/** What makes one sampler's chain another than the next one's. */
export interface ChainLaw {
  /** Targets of the chain and of its hotter replicas, coldest first; all propose at one temperature. */
  readonly targets: readonly [PowerTarget, ...PowerTarget[]];
  readonly kernel: Kernel;
  /** Rows of a pass that one step takes: its tries in all replicas. */
  readonly rowsPerStep: number;
  /** Of a search: see `ChainSettings`. */
  readonly keepsBest?: boolean;
}

export interface DecodedChain {
  readonly result: ChainResult;
  readonly report: StepReport;
}

/** Runs a chain over whole completions to its end, tells how it gets on, and yields what it came to. */
export async function* decodeChain(
  context: DecodeContext<ChosenChain>,
  law: ChainLaw,
): AsyncGenerator<DecodeEvent, DecodedChain, undefined> {
  const suffixes = new SuffixSource(context, law.targets[0].inverseTemperature);
  const settings = chainSettings(context, law, suffixes);
  const { request } = context;
  const length = { blocks: settings.horizons.length, steps: settings.stepsPerBlock };
  const chain = runChain(settings);
  let next = await chain.next();
  try {
    for (; next.done !== true; next = await chain.next()) {
      if (request.trace === true) yield { type: "chain", event: next.value, length };
      if (request.progress === true) yield { type: "progress", progress: progressOf(next.value, settings) };
    }
  } finally {
    // For whoever leaves: steps that were begun ahead are called off.
    if (next.done !== true) await chain.return(undefined as never);
  }
  // Until the last step any token may still change, so nothing is final before.
  yield { type: "tokens", tokens: next.value.state };
  return { result: next.value, report: reportOf(next.value, context) };
}

function prefetchPolicy(
  { engine, accelerations, isIsolated }: DecodeContext<ChosenChain>,
  { rowsPerStep }: ChainLaw,
): PrefetchPolicy | undefined {
  if (!accelerations.prefetch || isIsolated) return undefined;
  return (underWay) => {
    const load = engine.load();
    if (load === undefined) return false;
    const { lanes, pulled, passMs } = load;
    const others = Math.max(0, pulled - rowsPerStep * underWay.count);
    return isWorthItsRows(underWay, { lanes, others, passMs }, rowsPerStep);
  };
}

function chainSettings(
  context: DecodeContext<ChosenChain>,
  law: ChainLaw,
  suffixes: SuffixSource,
): ChainSettings {
  const { request, settings, accelerations, isIsolated } = context;
  return {
    targets: law.targets,
    kernel: law.kernel,
    horizons: horizons(request.maxTokens, settings.blockSize),
    stepsPerBlock: settings.mcmcSteps,
    schedule: settings.schedule,
    earlyRejection: accelerations.earlyRejection,
    prefetch: prefetchPolicy(context, law),
    replicasInTurn: isIsolated,
    keepsBest: law.keepsBest ?? false,
    draws: ({ stage, step }, replica) => new KeyedDraws(suffixes.keyOf({ stage, step, branch: replica })),
    extend: (kept, horizon, address) => suffixes.extend(kept, horizon, address),
  };
}

function progressOf(
  event: ChainEvent,
  { horizons: { length: blocks }, stepsPerBlock }: ChainSettings,
): Progress {
  if (event.type === "block") {
    return {
      block: event.stage + 1,
      blocks,
      step: 0,
      steps: stepsPerBlock,
      acceptance: acceptance(event.diagnostics),
    };
  }
  const { stage, step } = event.address;
  return { block: stage + 1, blocks, step, steps: stepsPerBlock, acceptance: acceptance(event.diagnostics) };
}

function reportOf(
  { state, diagnostics, blocks, budgetExhausted }: ChainResult,
  { evaluatedTokens }: Pick<DecodeContext<unknown>, "evaluatedTokens">,
): StepReport {
  const { steps, drawnTokens, accepted, rejected, rejected_early, unchanged } = diagnostics;
  return {
    logprob: logProbability(state),
    drawn_tokens: drawnTokens,
    evaluated_tokens: evaluatedTokens(),
    budget_exhausted: budgetExhausted,
    steps,
    accepted,
    rejected,
    rejected_early,
    unchanged,
    blocks,
  };
}
