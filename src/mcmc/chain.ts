import { hasEnded } from "./completion.ts";
import type { Completion, CompletionToken } from "./completion.ts";
import { noSteps, tally } from "./diagnostics.ts";
import type { ChainDiagnostics } from "./diagnostics.ts";
import type { Kernel, StepDraws, StepInfo } from "./kernel.ts";
import type { Schedule } from "./schedule.ts";
import type { PowerTarget } from "./target.ts";

/** Names a step; step 0 is the draft that brings a block to its horizon. */
export interface StepAddress {
  readonly stage: number;
  readonly step: number;
}

export interface ChainSettings {
  readonly target: PowerTarget;
  readonly kernel: Kernel;
  readonly horizons: readonly number[];
  readonly stepsPerBlock: number;
  readonly schedule: Schedule;
  readonly earlyRejection: boolean;
  readonly draws: (address: StepAddress) => StepDraws;
  /**
   * Draws tokens of q after `kept`, until an absorbing token or `horizon`. A stream that ends before that says
   * that the budget is spent.
   */
  readonly extend: (
    kept: Completion,
    horizon: number,
    address: StepAddress,
  ) => AsyncIterable<CompletionToken>;
}

export type ChainEvent =
  | {
      readonly type: "block";
      readonly stage: number;
      readonly horizon: number;
      readonly state: Completion;
      readonly diagnostics: ChainDiagnostics;
    }
  | {
      readonly type: "step";
      readonly address: StepAddress;
      readonly info: StepInfo;
      readonly previous: Completion;
      readonly state: Completion;
      readonly diagnostics: ChainDiagnostics;
    };

export interface ChainResult {
  readonly state: Completion;
  readonly diagnostics: ChainDiagnostics;
  /** Stages begun. */
  readonly blocks: number;
  readonly budgetExhausted: boolean;
}

/**
 * Runs a warm-started chain: each stage extends the completion to its horizon, then takes its steps there. The
 * steps of the last stage leave p^α over completions of `max_tokens` invariant.
 */
export async function* runChain(settings: ChainSettings): AsyncGenerator<ChainEvent, ChainResult, undefined> {
  const { target, horizons, kernel, earlyRejection } = settings;
  let state: Completion = [];
  let diagnostics = noSteps;
  for (const [stage, horizon] of horizons.entries()) {
    const finish = (budgetExhausted: boolean): ChainResult => ({
      state,
      diagnostics,
      blocks: stage + 1,
      budgetExhausted,
    });
    state = await draft(settings, state, horizon, stage);
    yield { type: "block", stage, horizon, state, diagnostics };
    if (state.length < horizon && !hasEnded(state)) return finish(true);

    for (let step = 1; step <= settings.stepsPerBlock; step++) {
      const address = { stage, step };
      const previous = state;
      const result = await kernel(state, {
        target,
        horizon,
        draws: settings.draws(address),
        propose: (cut) => settings.extend(previous.slice(0, cut), horizon, address),
        earlyRejection,
      });
      if (result.info === undefined) return finish(true);
      state = result.state;
      diagnostics = tally(diagnostics, result.info, state[0]!.token !== previous[0]!.token);
      yield { type: "step", address, info: result.info, previous, state, diagnostics };
    }
    if (settings.schedule === "until_finished" && hasEnded(state)) return finish(false);
  }
  return { state, diagnostics, blocks: horizons.length, budgetExhausted: false };
}

async function draft(
  settings: ChainSettings,
  state: Completion,
  horizon: number,
  stage: number,
): Promise<Completion> {
  if (hasEnded(state) || state.length >= horizon) return state;
  const drafted = [...state];
  for await (const token of settings.extend(state, horizon, { stage, step: 0 })) drafted.push(token);
  return drafted;
}
