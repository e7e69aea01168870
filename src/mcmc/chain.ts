import { logProbability } from "./completion.ts";
import type { Kernel } from "./kernel.ts";
import { Stages } from "./stages.ts";
import type { Driver, StageEvent, StagesResult, StageSettings } from "./stages.ts";

export interface ChainResult extends StagesResult {
  /**
   * Σ log p after each step since the completion was last extended, nats. Stages that began with an ended completion
   * have laws that differ only in longer completions, so that their values are comparable; earlier ones were cut off by
   * their horizons.
   */
  readonly logprobTrace: readonly number[];
}

/**
 * A warm-started chain of a kernel. The steps of the last stage leave the kernel's law over completions of
 * `max_tokens` invariant; those before it bring the chain there.
 */
export const chainOf = <State>(kernel: Kernel<State>): Driver<ChainResult> => ({
  rowsPerStep: kernel.rowsPerStep,
  run: (settings) => runChain(kernel, settings),
});

async function* runChain<State>(
  kernel: Kernel<State>,
  settings: StageSettings,
): AsyncGenerator<StageEvent, ChainResult, undefined> {
  const stages = new Stages(kernel, settings);
  let logprobTrace: number[] = [];
  let logprob = 0;
  let last = kernel.answer(kernel.start);
  for await (const event of stages.run()) {
    if (event.state !== last) {
      last = event.state;
      logprob = logProbability(last);
      if (event.type === "block") logprobTrace = [];
    }
    if (event.type === "step") logprobTrace.push(logprob);
    yield event;
  }
  return { ...stages.result, logprobTrace };
}
