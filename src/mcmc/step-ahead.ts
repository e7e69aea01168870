/**
 * Prefetching. The steps that follow a rejection set out from the same state, so several may be under way at once, in
 * rows of a pass that would be idle. They are taken in order; what was begun from a state that a step has left is
 * discarded. Since every draw has its own address, the chain is the same, token for token.
 */
import type { DrawCost } from "../core/draw-cost.ts";
import type { PrefetchPolicy } from "./prefetch-policy.ts";

/** The running share of steps that have a property. Begins as if one step of two had had it. */
class RunningShare {
  #count = 1;
  #steps = 2;

  get value(): number {
    return this.#count / this.#steps;
  }

  observe(isSo: boolean): void {
    this.#steps++;
    if (isSo) this.#count++;
  }
}

/** What a chain's steps were like so far. */
export class StepHabits {
  /** Those that moved the chain. */
  readonly moving = new RunningShare();
  /** Those that had to wait for the model. */
  readonly waiting = new RunningShare();
}

/** A step that runs by itself. */
export interface RunningStep<Result> {
  readonly result: Promise<Result>;
  /** What it has drawn for: settled with the result. */
  readonly cost: DrawCost;
  /** When the chain has no more use for its result: it is settled soon, and holds nothing. */
  readonly callOff: () => void;
}

/** A step that is decided, in its turn. */
export interface DecidedStep<Result> {
  readonly result: Result;
  readonly cost: DrawCost;
}

/** A step that was begun and not taken yet. */
interface Begun<Result> {
  readonly step: RunningStep<Result>;
  isDecided: boolean;
  /** Whether the event loop turned before the step was decided. */
  hasWaited: boolean;
}

/**
 * Steps less likely to be used are not begun: rows may cost nothing, but a lane, and the K/V that is brought into it,
 * do. Nor are more than so many at once.
 */
const leastSurvival = 0.2;
const mostAhead = 64;

export interface StepsToTake<Result> {
  readonly steps: number;
  /** Begins step 1, 2, … from the chain's present state. */
  readonly begin: (step: number) => RunningStep<Result>;
  /** Whether a step left the chain elsewhere than where it began. */
  readonly hasMoved: (result: Result) => boolean;
  /** No prefetching when left out. */
  readonly prefetch: PrefetchPolicy | undefined;
  readonly habits: StepHabits;
}

/** The steps that a chain takes from one state to the next, with those that are begun ahead of it. */
export class StepsAhead<Result> {
  readonly #toTake: StepsToTake<Result>;
  /** Begun and not taken, in order. */
  #ahead: Begun<Result>[] = [];
  /** The step to begin next. */
  #next = 1;
  #isTopUpDue = false;

  constructor(toTake: StepsToTake<Result>) {
    this.#toTake = toTake;
  }

  /** Yields each step in order. The chain moves, where a result moved it, before it asks for the next. */
  async *decided(): AsyncGenerator<DecidedStep<Result>, void, undefined> {
    const { steps, hasMoved, habits } = this.#toTake;
    try {
      for (let step = 1; step <= steps; step++) {
        if (this.#ahead.length === 0) this.#begin();
        this.#topUpSoon();
        const taken = this.#ahead[0]!;
        const result = await taken.step.result;
        this.#ahead.shift();
        const moved = hasMoved(result);
        habits.moving.observe(moved);
        habits.waiting.observe(taken.hasWaited);
        if (moved) {
          this.#callOff();
          this.#ahead = [];
          this.#next = step + 1;
        }
        yield { result, cost: taken.step.cost };
      }
    } finally {
      this.#next = steps + 1;
      this.#callOff();
      await Promise.allSettled(this.#ahead.map(({ step }) => step.result));
    }
  }

  #callOff(): void {
    for (const { step } of this.#ahead) step.callOff();
  }

  #begin(): void {
    const step = this.#toTake.begin(this.#next++);
    const begun = { step, isDecided: false, hasWaited: false };
    this.#ahead.push(begun);
    if (this.#toTake.prefetch === undefined) return;
    const decide = (): void => {
      begun.isDecided = true;
    };
    const topUp = (): void => {
      this.#topUp();
    };
    // The chain takes a step that is decided before more are begun behind it.
    step.result.then(decide, decide).then(topUp, topUp);
  }

  #topUp(): void {
    const { prefetch, steps, habits } = this.#toTake;
    if (prefetch === undefined) return;
    while (this.#next <= steps && isWanted(this.#ahead, habits, prefetch)) {
      this.#begin();
      this.#topUpSoon();
    }
  }

  /** A step that a memo answers is decided before the event loop turns; one that is not waits for the model by then. */
  #topUpSoon(): void {
    if (this.#toTake.prefetch === undefined || this.#isTopUpDue) return;
    this.#isTopUpDue = true;
    setImmediate(() => {
      this.#isTopUpDue = false;
      for (const begun of this.#ahead) begun.hasWaited ||= !begun.isDecided;
      this.#topUp();
    });
  }
}

function isWanted(
  ahead: readonly Begun<unknown>[],
  { moving, waiting }: StepHabits,
  prefetch: PrefetchPolicy,
): boolean {
  if (ahead.length === 0 || ahead.length >= mostAhead) return false;
  const survivalAt = (offset: number): number => (1 - moving.value) ** offset;
  const survival = survivalAt(ahead.length);
  if (survival < leastSurvival) return false;
  const undecided = ahead.flatMap(({ isDecided }, offset) => (isDecided ? [] : [survivalAt(offset)]));
  if (undecided.length === 0) return false;
  const useful = undecided.reduce((sum, chance) => sum + chance, 0);
  return prefetch({ count: undecided.length, useful, survival, waiting: waiting.value });
}
