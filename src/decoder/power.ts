import type { ScoredToken } from "../core/tokens.ts";
import { uniform } from "../core/random.ts";
import type { Engine } from "../engine/engine.ts";
import { runChain } from "../mcmc/chain.ts";
import type { ChainEvent, ChainResult, ChainSettings, StepAddress } from "../mcmc/chain.ts";
import { logProbability } from "../mcmc/completion.ts";
import { acceptance } from "../mcmc/diagnostics.ts";
import { horizons } from "../mcmc/schedule.ts";
import { stepUniformCut } from "../mcmc/uniform-cut.ts";
import { ChainTracer } from "./chain-tracer.ts";
import type { DecodeContext, Decoder } from "./decoder.ts";
import { MeteredEngine } from "./metered-engine.ts";
import type { PowerReport, PowerSettings, Progress } from "./generator.ts";

/** Power sampling: a Metropolis-Hastings chain over whole completions that targets p(x)^α. */
export const decodePower: Decoder<PowerSettings> = async function* (context) {
  // Around the memo, so that it counts what the memo answers too.
  const drawing = new MeteredEngine(context.accelerations.memoize(context.engine));
  const settings = chainSettings(context, drawing);
  const { request, tokenizer } = context;
  const length = { blocks: settings.horizons.length, steps: settings.stepsPerBlock };
  const tracer = request.trace === true ? new ChainTracer(tokenizer, request.stop, length) : undefined;
  const chain = runChain(settings);
  let next = await chain.next();
  for (; next.done !== true; next = await chain.next()) {
    for (const trace of tracer?.follow(next.value) ?? []) yield { type: "trace", trace };
    if (request.progress === true) yield { type: "progress", progress: progressOf(next.value, settings) };
  }
  // Until the last step any token may still change, so nothing is final before.
  for (const token of next.value.state) yield { type: "token", token };
  return report(context.settings, next.value, drawing.yieldedTokens);
};

function chainSettings(
  { request, settings, ends, accelerations, signal }: DecodeContext<PowerSettings>,
  engine: Engine,
): ChainSettings {
  const inverseTemperature = 1 / settings.proposalTemperature;
  const keyOf = ({ stage, step }: StepAddress) => ({
    seed: request.seed,
    choice: request.choice,
    stage,
    step,
  });
  return {
    target: { alpha: settings.alpha, inverseTemperature },
    kernel: stepUniformCut,
    horizons: horizons(request.maxTokens, settings.blockSize),
    stepsPerBlock: settings.mcmcSteps,
    schedule: settings.schedule,
    earlyRejection: accelerations.earlyRejection,
    draws: (address) => ({ cut: uniform(keyOf(address), "cut"), accept: uniform(keyOf(address), "accept") }),
    extend: (kept, horizon, address) => {
      const extension: AsyncIterable<ScoredToken> = engine.extend(
        {
          prefix: [...request.prompt, ...kept.map(({ token }) => token)],
          maxTokens: horizon - kept.length,
          endTokens: ends.tokens,
          sampling: { inverseTemperature },
          draws: keyOf(address),
          topCount: request.topCount,
          logprobsMode: request.logprobsMode,
        },
        signal,
      );
      return ends.mark(kept, extension);
    },
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

function report(
  { alpha }: PowerSettings,
  { state, diagnostics, blocks, budgetExhausted }: ChainResult,
  drawnTokens: number,
): PowerReport {
  const { steps, firstTokenChanges, ...outcomes } = diagnostics;
  return {
    alpha,
    logprob: logProbability(state),
    steps,
    drawnTokens,
    outcomes,
    firstTokenChanges,
    blocks,
    budgetExhausted,
  };
}
