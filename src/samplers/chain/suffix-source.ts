import type { DrawCost } from "../../core/draw-cost.ts";
import type { DrawKey } from "../../core/random.ts";
import type { TokenStream } from "../../core/token-stream.ts";
import type { Engine } from "../../engine/engine.ts";
import type { Completion, CompletionToken } from "../../mcmc/completion.ts";
import type { DecodeContext } from "../decoder.ts";

/** Names what is drawn within a request's completion. */
export type SuffixAddress = Required<Pick<DrawKey, "stage" | "step" | "branch">>;

/** Draws suffixes of a request's completion from q, by way of the memo. */
export class SuffixSource {
  readonly #context: DecodeContext<unknown>;
  readonly #engine: Engine;

  constructor(context: DecodeContext<unknown>) {
    this.#context = context;
    this.#engine = memoized(context);
  }

  keyOf({ stage, step, branch = 0 }: Pick<DrawKey, "stage" | "step" | "branch">): DrawKey {
    const { seed, choice } = this.#context.request;
    return { seed, choice, stage, step, branch };
  }

  /**
   * Tokens after `kept`, until one ends the completion or it has `horizon` of them; fewer when a budget is spent.
   * @param cost to which the evaluations are added; what else is drawn was remembered
   */
  extend(
    kept: Completion,
    horizon: number,
    address: SuffixAddress,
    cost: DrawCost,
  ): TokenStream<CompletionToken> {
    const { request, inverseTemperature, ends, signal } = this.#context;
    const extension = this.#engine.extend(
      {
        prefix: [...request.prompt, ...kept.map(({ token }) => token)],
        maxTokens: horizon - kept.length,
        endTokens: ends.tokens,
        sampling: { inverseTemperature },
        draws: this.keyOf(address),
        topCount: request.topCount,
        logprobsMode: request.logprobsMode,
        share: request.share,
        cost,
      },
      signal,
    );
    return ends.mark(kept, extension);
  }
}

function memoized({
  request,
  inverseTemperature,
  engine,
  accelerations,
  isIsolated,
}: DecodeContext<unknown>): Engine {
  const { memo } = accelerations;
  if (memo === undefined) return engine;
  const { prompt, share } = request;
  const key = { prompt, inverseTemperature, priority: share?.priority ?? "interactive" };
  return isIsolated ? memo.own(engine, key) : memo.share(engine, key);
}
