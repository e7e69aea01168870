import { cancelled } from "../core/errors.ts";
import { mapAsync } from "../core/map-async.ts";
import type { TokenStream } from "../core/token-stream.ts";
import { hasEnded, isComplete, logProbability } from "./completion.ts";
import type { Completion, CompletionToken } from "./completion.ts";
import { noSteps, tally } from "./diagnostics.ts";
import type { ChainDiagnostics } from "./diagnostics.ts";
import { likeliestEnded } from "./maximize.ts";
import type { Kernel, StepDraws, StepInfo } from "./kernel.ts";
import type { Schedule } from "./schedule.ts";
import { StepHabits, stepAhead } from "./step-ahead.ts";
import type { PrefetchPolicy, RunningStep } from "./step-ahead.ts";
import type { PowerTarget } from "./target.ts";
import { stepReplicas } from "./tempering.ts";
import type { ReplicaStep } from "./tempering.ts";

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
  /** Whether to begin steps before those in front of them are decided; none are when left out. */
  readonly prefetch?: PrefetchPolicy | undefined;
  /** Whether replicas go one after another, for the sake of a budget; side by side when left out. */
  readonly replicasInTurn?: boolean;
  /** Whether a stage goes back to the likeliest completion that has ended, where its draft is less likely. */
  readonly keepsBest?: boolean;
  readonly draws: (address: StepAddress, replica: number) => StepDraws;
  /**
   * Draws tokens of q after `kept`, until an absorbing token or `horizon`. A stream that ends before that says
   * that the budget is spent.
   */
  readonly extend: (kept: Completion, horizon: number, address: DrawAddress) => TokenStream<CompletionToken>;
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
  /**
   * Σ log p after each step since the completion was last extended, nats. Stages that found it ended differ in their
   * laws by longer completions alone; before that, horizons were in the way.
   */
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
  const { targets, horizons } = settings;
  let states: readonly Completion[] = targets.map(() => []);
  let diagnostics = noSteps;
  let logprobTrace: number[] = [];
  let best: Completion | undefined;
  const habits = new StepHabits();
  for (const [stage, horizon] of horizons.entries()) {
    const finish = (budgetExhausted: boolean): ChainResult => ({
      state: states[0]!,
      diagnostics,
      logprobTrace,
      blocks: stage + 1,
      budgetExhausted,
    });
    const undrafted = states;
    states = await mapAsync(states, settings.replicasInTurn === true, (state, replica) =>
      draft(settings, state, horizon, { stage, step: 0, branch: replica }),
    );
    const drawnTokens = lengthOf(states) - lengthOf(undrafted);
    diagnostics = { ...diagnostics, drawnTokens: diagnostics.drawnTokens + drawnTokens };
    if (best !== undefined && logProbability(best) > logProbability(states[0]!)) states = [best];
    if (states[0] !== undrafted[0]) logprobTrace = [];
    let logprob = logProbability(states[0]!);
    yield { type: "block", stage, horizon, state: states[0]!, diagnostics };
    if (!states.every((state) => isComplete(state, horizon))) return finish(true);

    let step = 0;
    for await (const result of stepAhead({
      steps: settings.stepsPerBlock,
      begin: (next) => beginStep(settings, states, { stage, step: next }),
      hasMoved: (next) => next?.states.some((state, replica) => state !== states[replica]) ?? true,
      prefetch: settings.prefetch,
      habits,
    })) {
      if (result === undefined) return finish(true);
      const address = { stage, step: ++step };
      const previous = states[0]!;
      states = result.states;
      const state = states[0]!;
      if (settings.keepsBest === true) best = likeliestEnded(best, { previous, info: result.info });
      diagnostics = tally(diagnostics, result, previous);
      if (state !== previous) logprob = logProbability(state);
      logprobTrace.push(logprob);
      yield { type: "step", address, info: result.info, previous, state, diagnostics };
    }
    if (settings.schedule === "until_finished" && hasEnded(states[0]!)) return finish(false);
  }
  return { state: states[0]!, diagnostics, logprobTrace, blocks: horizons.length, budgetExhausted: false };
}

const lengthOf = (states: readonly Completion[]): number =>
  states.reduce((sum, { length }) => sum + length, 0);

function beginStep(
  settings: ChainSettings,
  states: readonly Completion[],
  address: StepAddress,
): RunningStep<ReplicaStep | undefined> {
  const { targets, kernel, horizons, keepsBest = false, earlyRejection, draws, extend } = settings;
  const { stage, step } = address;
  const horizon = horizons[stage]!;
  const extensions: TokenStream[] = [];
  let isCalledOff = false;
  // A search may go back to a proposal that ends and is less likely than a state that has not: it has to see its end.
  const mayComeBack = keepsBest && horizon < horizons.at(-1)! && !hasEnded(states[0]!);
  const result = stepReplicas(states, {
    targets,
    kernel,
    horizon,
    draws: (replica) => draws(address, replica),
    propose: (replica, cut, attempt) => {
      if (isCalledOff) throw cancelled();
      const branch = attempt * targets.length + replica;
      const extension = extend(states[replica]!.slice(0, cut), horizon, { stage, step, branch });
      extensions.push(extension);
      return extension;
    },
    earlyRejection: earlyRejection && !mayComeBack,
    inTurn: settings.replicasInTurn === true,
  });
  const callOff = (): void => {
    isCalledOff = true;
    for (const extension of extensions) extension[Symbol.dispose]();
  };
  return { result, callOff };
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
