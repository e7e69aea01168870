import type { TokenRun } from "../core/tokens.ts";
import { hasEnded, isComplete, logProbability } from "./completion.ts";
import type { Completion, CompletionToken } from "./completion.ts";
import { noSteps, tally } from "./diagnostics.ts";
import type { ChainDiagnostics } from "./diagnostics.ts";
import type { Kernel, StepDraws, StepInfo } from "./kernel.ts";
import type { Schedule } from "./schedule.ts";
import type { PowerTarget } from "./target.ts";
import { stepReplicas } from "./tempering.ts";

/** Names a step; step 0 is the draft that brings a block to its horizon. */
export interface StepAddress {
  readonly stage: number;
  readonly step: number;
}

/** Names what draws tokens within a step: one of its attempts, in one of the replicas. */
export interface DrawAddress extends StepAddress {
  readonly branch: number;
}

export interface ChainSettings {
  /** The chain's own target, and those of the hotter replicas it swaps with, coldest first. */
  readonly targets: readonly PowerTarget[];
  readonly kernel: Kernel;
  readonly horizons: readonly number[];
  readonly stepsPerBlock: number;
  readonly schedule: Schedule;
  readonly earlyRejection: boolean;
  readonly draws: (address: StepAddress, replica: number) => StepDraws;
  /**
   * Draws tokens of q after `kept`, until an absorbing token or `horizon`. A stream that ends before that says
   * that the budget is spent.
   */
  readonly extend: (
    kept: Completion,
    horizon: number,
    address: DrawAddress,
  ) => AsyncIterable<TokenRun<CompletionToken>>;
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
      /** After the step, and after a swap with a hotter replica where there was one. */
      readonly state: Completion;
      readonly diagnostics: ChainDiagnostics;
    };

export interface ChainResult {
  readonly state: Completion;
  readonly diagnostics: ChainDiagnostics;
  /** Σ log p after each step of the last stage begun, nats. Earlier stages have other horizons, and so other laws. */
  readonly logprobTrace: readonly number[];
  /** Stages begun. */
  readonly blocks: number;
  readonly budgetExhausted: boolean;
}

/**
 * Runs a warm-started chain: each stage extends the completion to its horizon, then takes its steps there. The
 * steps of the last stage leave p^α over completions of `max_tokens` invariant. Hotter replicas go through the same
 * stages beside it.
 */
export async function* runChain(settings: ChainSettings): AsyncGenerator<ChainEvent, ChainResult, undefined> {
  const { targets, horizons, kernel, earlyRejection } = settings;
  let states: readonly Completion[] = targets.map(() => []);
  let diagnostics = noSteps;
  let logprobTrace: number[] = [];
  const replicas = targets.length;
  for (const [stage, horizon] of horizons.entries()) {
    const finish = (budgetExhausted: boolean): ChainResult => ({
      state: states[0]!,
      diagnostics,
      logprobTrace,
      blocks: stage + 1,
      budgetExhausted,
    });
    states = await Promise.all(
      states.map((state, replica) => draft(settings, state, horizon, { stage, step: 0, branch: replica })),
    );
    logprobTrace = [];
    yield { type: "block", stage, horizon, state: states[0]!, diagnostics };
    if (!states.every((state) => isComplete(state, horizon))) return finish(true);

    for (let step = 1; step <= settings.stepsPerBlock; step++) {
      const address = { stage, step };
      const before = states;
      const result = await stepReplicas(before, {
        targets,
        kernel,
        horizon,
        draws: (replica) => settings.draws(address, replica),
        propose: (replica, cut, attempt) =>
          settings.extend(before[replica]!.slice(0, cut), horizon, {
            ...address,
            branch: attempt * replicas + replica,
          }),
        earlyRejection,
      });
      if (result === undefined) return finish(true);
      states = result.states;
      const [previous, state] = [before[0]!, states[0]!];
      diagnostics = tally(diagnostics, { ...result, previous, state });
      logprobTrace.push(logProbability(state));
      yield { type: "step", address, info: result.info, previous, state, diagnostics };
    }
    if (settings.schedule === "until_finished" && hasEnded(states[0]!)) return finish(false);
  }
  return { state: states[0]!, diagnostics, logprobTrace, blocks: horizons.length, budgetExhausted: false };
}

async function draft(
  settings: ChainSettings,
  state: Completion,
  horizon: number,
  address: DrawAddress,
): Promise<Completion> {
  if (isComplete(state, horizon)) return state;
  const drafted = [...state];
  for await (const run of settings.extend(state, horizon, address)) drafted.push(...run);
  return drafted;
}
