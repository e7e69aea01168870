import { setMaxListeners } from "node:events";
import { LocalEngine } from "../../src/engine/local/local-engine.ts";
import { PassTimes } from "../../src/engine/local/pass-times.ts";
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

/** Passes on whose clock none takes any time: what they were known to take stays so. */
export const timeless = { now: () => 0 } as const;

/** Rows with a draft cost so many times as much as one without. */
export function draftsAt(costOf: (tokens: number) => number): PassTimes {
  const cost = (tokens: number): number => (tokens === 1 ? 1 : costOf(tokens));
  const drafts = [1, 2, 3, 5, 9].map((size) => ({ size, ms: 10 * cost(size) }));
  return new PassTimes([{ size: 1, ms: 10 }], [], drafts);
}

export const never = new AbortController().signal;
setMaxListeners(0, never);
