import { commonLength, logProbability } from "./completion.ts";
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
  /** Tokens at the beginning that no step changed since the completion was last extended. */
  readonly keptTokens: number;
  /** Of the whole chain, by the first token that differs: proposals of another completion, and changes of the state. */
  readonly proposed: readonly number[];
  readonly changed: readonly number[];
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
  let keptTokens = 0;
  const proposed: number[] = [];
  const changed: number[] = [];
  let last = kernel.answer(kernel.start);
  for await (const event of stages.run()) {
    if (event.type === "step" && event.info.outcome !== "unchanged") {
      const { cut, suffix } = event.info;
      count(proposed, cut + commonLength(event.previous, suffix, cut));
    }
    if (event.state !== last) {
      const common = commonLength(last, event.state);
      if (event.type === "step" && common < event.state.length) count(changed, common);
      keptTokens = event.type === "block" ? event.state.length : Math.min(keptTokens, common);
      last = event.state;
      logprob = logProbability(last);
      if (event.type === "block") logprobTrace = [];
    }
    if (event.type === "step") logprobTrace.push(logprob);
    yield event;
  }
  return { ...stages.result, logprobTrace, keptTokens, proposed, changed };
}

function count(counts: number[], position: number): void {
  while (counts.length <= position) counts.push(0);
  counts[position]!++;
}
