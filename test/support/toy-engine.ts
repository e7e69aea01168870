import { setMaxListeners } from "node:events";
import { LocalEngine } from "../../src/engine/local/local-engine.ts";
import type { SchedulerSettings } from "../../src/engine/local/scheduler.ts";
import { createToyModel } from "./toy-model.ts";
import type { ToyModel, ToyOptions } from "./toy-model.ts";
import { ToyRunner } from "./toy-runner.ts";
import type { ToyRunnerOptions } from "./toy-runner.ts";

export interface ToySettings extends ToyRunnerOptions {
  readonly model?: ToyModel;
  readonly toy?: ToyOptions;
  readonly scheduler?: Partial<SchedulerSettings>;
}

/** The real engine over a toy model. */
export function createToyEngine(settings: ToySettings = {}): LocalEngine {
  const model = settings.model ?? createToyModel(settings.toy);
  return new LocalEngine(new ToyRunner(model, settings), {
    prefillChunk: 8,
    prefixStoreBytes: 4096,
    ...settings.scheduler,
  });
}

export const never = new AbortController().signal;
setMaxListeners(0, never);
