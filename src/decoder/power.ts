import type { ScoredToken } from "../core/tokens.ts";
import { uniform } from "../core/random.ts";
import { runChain } from "../mcmc/chain.ts";
import type { ChainResult, ChainSettings, StepAddress } from "../mcmc/chain.ts";
import { logProbability } from "../mcmc/completion.ts";
import { horizons } from "../mcmc/schedule.ts";
import { stepUniformCut } from "../mcmc/uniform-cut.ts";
import type { DecodeContext, Decoder } from "./decoder.ts";
import type { PowerReport, PowerSettings } from "./generator.ts";

/** Power sampling: a Metropolis-Hastings chain over whole completions that targets p(x)^α. */
export const decodePower: Decoder<PowerSettings> = async function* (context) {
  const chain = runChain(chainSettings(context));
  let next = await chain.next();
  while (next.done !== true) next = await chain.next();
  // Until the last step any token may still change, so nothing is final before.
  yield* next.value.state;
  return report(context.settings, next.value);
};

function chainSettings({
  request,
  settings,
  engine,
  ends,
  accelerations,
  signal,
}: DecodeContext<PowerSettings>): ChainSettings {
  const walked = accelerations.memoize(engine);
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
      const extension: AsyncIterable<ScoredToken> = walked.extend(
        {
          prefix: [...request.prompt, ...kept.map(({ token }) => token)],
          maxTokens: horizon - kept.length,
          endTokens: ends.tokens,
          sampling: { inverseTemperature },
          draws: keyOf(address),
          topCount: request.topCount,
        },
        signal,
      );
      return ends.mark(kept, extension);
    },
  };
}

function report(
  { alpha }: PowerSettings,
  { state, diagnostics, blocks, budgetExhausted }: ChainResult,
): PowerReport {
  const { steps, firstTokenChanges, ...outcomes } = diagnostics;
  return {
    alpha,
    logprob: logProbability(state),
    steps,
    outcomes,
    firstTokenChanges,
    blocks,
    budgetExhausted,
  };
}
