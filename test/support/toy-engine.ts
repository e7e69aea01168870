import { setMaxListeners } from "node:events";
import { LocalEngine } from "../../src/engine/local/local-engine.ts";
import { PassTimes } from "../../src/engine/local/pass-times.ts";
import type { TimePoint } from "../../src/engine/time-curve.ts";
import type { SchedulerSettings } from "../../src/engine/local/scheduler.ts";
import { createToyModel } from "./toy-model.ts";
import type { ToyModel, ToyOptions } from "./toy-model.ts";
import { ToyRunner } from "./toy-runner.ts";
import type { ToyRunnerOptions } from "./toy-runner.ts";

export interface ToySettings extends ToyRunnerOptions {
  readonly model?: ToyModel;
  readonly toy?: ToyOptions;
  readonly scheduler?: Partial<SchedulerSettings>;
  /** What passes are known to take; nothing when left out. */
  readonly passTimes?: PassTimes;
}

/** The real engine over a toy model. */
export function createToyEngine(settings: ToySettings = {}): LocalEngine {
  const model = settings.model ?? createToyModel(settings.toy);
  const scheduler = { prefillChunk: 8, prefixStoreBytes: 4096, ...settings.scheduler };
  return new LocalEngine(new ToyRunner(model, settings), scheduler, settings.passTimes);
}

/** What passes are known to take, whatever they take. */
class FixedTimes extends PassTimes {
  override observe(): void {
    // Stays as it is.
  }

  override observeAlone(): void {
    // Stays as it is.
  }
}

/** Passes take so many ms, and 1 ms for each token of a prompt, and go on doing so. */
export const passesAt = (passMs: number): PassTimes =>
  new FixedTimes(
    [{ size: 1, ms: passMs }],
    [1, 64].map((size) => ({ size, ms: passMs + size })),
  );

/** Rows with a draft cost so many times as much as one without, and go on doing so. */
export const draftsAt = (costOf: (tokens: number) => number): PassTimes =>
  new FixedTimes([{ size: 1, ms: 10 }], [], draftTimes(costOf));

/** ms of rows with drafts, where one without takes 10. */
export const draftTimes = (costOf: (tokens: number) => number): TimePoint[] =>
  [1, 2, 3, 5, 9].map((size) => ({ size, ms: 10 * (size === 1 ? 1 : costOf(size)) }));

export const never = new AbortController().signal;
setMaxListeners(0, never);
