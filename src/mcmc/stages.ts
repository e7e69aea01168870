import type { DrawCost } from "../core/draw-cost.ts";
import { hasEnded } from "./completion.ts";
import type { Completion } from "./completion.ts";
import { noSteps, tally, tallyDraft } from "./diagnostics.ts";
import type { ChainDiagnostics } from "./diagnostics.ts";
import type { StepInfo, StepResult, Walk } from "./kernel.ts";
import { OpenStep } from "./open-step.ts";
import type { DrawSource, StepAddress } from "./open-step.ts";
import type { PrefetchPolicy } from "./prefetch-policy.ts";
import type { Schedule } from "./schedule.ts";
import { StepHabits, StepsAhead } from "./step-ahead.ts";
import type { DecidedStep, RunningStep } from "./step-ahead.ts";

/** How long a walk goes, and what it draws from. */
export interface StageSettings extends DrawSource {
  readonly horizons: readonly number[];
  readonly stepsPerBlock: number;
  readonly schedule: Schedule;
  readonly earlyRejection: boolean;
  /** Whether to begin steps before those in front of them are decided; none are when left out. */
  readonly prefetch?: PrefetchPolicy | undefined;
  /** See `StepContext`. */
  readonly inTurn: boolean;
  /** Once it is aborted, the walk ends with the state it has, and what it draws from ends as at a budget's end. */
  readonly ending?: AbortSignal | undefined;
}

/** A stage that is drafted: its completion has come to its horizon, or the budget is spent. */
export interface BlockEvent {
  readonly type: "block";
  readonly stage: number;
  readonly horizon: number;
  readonly state: Completion;
  readonly diagnostics: ChainDiagnostics;
}

/** A step that is taken. */
export interface StepEvent {
  readonly type: "step";
  readonly address: StepAddress;
  readonly info: StepInfo;
  readonly previous: Completion;
  /** After the step, and after a swap with a hotter replica where there was one. */
  readonly state: Completion;
  readonly diagnostics: ChainDiagnostics;
}

/** What happens to the completion that answers. */
export type StageEvent = BlockEvent | StepEvent;

export interface StagesResult {
  readonly state: Completion;
  readonly diagnostics: ChainDiagnostics;
  /** Stages begun. */
  readonly blocks: number;
  readonly budgetExhausted: boolean;
  /** Whether `ending` ended it. */
  readonly endedEarly: boolean;
}

/** A chain or a search, whatever its states are. */
export interface Driver<Result extends StagesResult = StagesResult> {
  /** Rows of a pass that a step takes. */
  readonly rowsPerStep: number;
  readonly run: (settings: StageSettings) => AsyncGenerator<StageEvent, Result, undefined>;
}

/** Takes a walk through the stages: each brings the state to its horizon, then takes its steps there. */
export class Stages<State> {
  readonly #walk: Walk<State>;
  readonly #settings: StageSettings;
  readonly #habits = new StepHabits();
  #state: State;
  #diagnostics = noSteps;
  #blocks = 0;
  #budgetExhausted = false;
  #endedEarly = false;

  constructor(walk: Walk<State>, settings: StageSettings) {
    this.#walk = walk;
    this.#settings = settings;
    this.#state = walk.start;
  }

  /** What it came to, or has come to so far. */
  get result(): StagesResult {
    return {
      state: this.#answer,
      diagnostics: this.#diagnostics,
      blocks: this.#blocks,
      budgetExhausted: this.#budgetExhausted,
      endedEarly: this.#endedEarly,
    };
  }

  async *run(): AsyncGenerator<StageEvent, void, undefined> {
    const { horizons, schedule } = this.#settings;
    for (const [stage, horizon] of horizons.entries()) {
      if (this.#isCalledToEnd()) return;
      this.#blocks++;
      const isDrafted = await this.#draft(stage);
      yield { type: "block", stage, horizon, state: this.#answer, diagnostics: this.#diagnostics };
      if (!isDrafted) {
        this.#runDry();
        return;
      }

      let step = 0;
      for await (const { result, cost } of this.#steps(stage)) {
        if (result === undefined) {
          this.#runDry();
          return;
        }
        yield this.#take(result, cost, { stage, step: ++step });
        if (step < this.#settings.stepsPerBlock && this.#isCalledToEnd()) return;
      }
      if (schedule === "until_finished" && hasEnded(this.#answer)) return;
    }
  }

  #isCalledToEnd(): boolean {
    this.#endedEarly = this.#settings.ending?.aborted === true;
    return this.#endedEarly;
  }

  /** What it draws from ended before it should. */
  #runDry(): void {
    this.#budgetExhausted = !this.#isCalledToEnd();
  }

  get #answer(): Completion {
    return this.#walk.answer(this.#state);
  }

  /** @returns whether the budget sufficed */
  async #draft(stage: number): Promise<boolean> {
    const open = this.#open(stage, 0);
    const { state, drawnTokens, isComplete } = await this.#walk.draft(this.#state, open);
    this.#state = state;
    this.#diagnostics = tallyDraft(this.#diagnostics, drawnTokens, open.cost);
    return isComplete;
  }

  #steps(stage: number): AsyncGenerator<DecidedStep<StepResult<State> | undefined>, void, undefined> {
    return new StepsAhead({
      steps: this.#settings.stepsPerBlock,
      begin: (step): RunningStep<StepResult<State> | undefined> => {
        const open = this.#open(stage, step);
        return { result: this.#walk.step(this.#state, open), cost: open.cost, callOff: open.callOff };
      },
      hasMoved: (result) => result?.state !== this.#state,
      prefetch: this.#settings.prefetch,
      habits: this.#habits,
    }).decided();
  }

  #open(stage: number, step: number): OpenStep {
    const { horizons, earlyRejection, inTurn } = this.#settings;
    const horizon = horizons[stage]!;
    return new OpenStep({ stage, step }, this.#settings, { horizon, earlyRejection, inTurn });
  }

  #take({ state, info }: StepResult<State>, cost: DrawCost, address: StepAddress): StepEvent {
    const previous = this.#answer;
    this.#state = state;
    this.#diagnostics = tally(this.#diagnostics, { info, previous, state: this.#answer, cost });
    return {
      type: "step",
      address,
      info,
      previous,
      state: this.#answer,
      diagnostics: this.#diagnostics,
    };
  }
}
