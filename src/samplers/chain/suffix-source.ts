import type { DrawCost } from "../../core/draw-cost.ts";
import type { DrawKey } from "../../core/random.ts";
import type { TokenStream } from "../../core/token-stream.ts";
import type { ScoredToken, TopTokens } from "../../core/tokens.ts";
import type { Engine, ExtendRequest } from "../../engine/engine.ts";
import type { Completion, CompletionToken } from "../../mcmc/completion.ts";
import type { Candidates } from "../../mcmc/kernel.ts";
import type { Narrow } from "../../mcmc/settle.ts";
import { sampledTop, temperedLaw } from "../../sampling/law.ts";
import type { DecodeContext } from "../decoder.ts";

/** Names what is drawn within a request's completion. */
export interface SuffixAddress extends Required<Pick<DrawKey, "stage" | "step" | "branch">> {
  /** See `ExtendRequest.beyond`. */
  readonly beyond?: number | undefined;
}

interface Suffix {
  readonly kept: Completion;
  readonly horizon: number;
  readonly address: SuffixAddress;
  readonly cost: DrawCost;
}

/** Likeliest tokens that candidates usually tell at most: at α = 4 the next one has less than 10⁻⁶ of the first one's weight. */
const usualCandidates = 32;

/** Draws suffixes of a request's completion from q, by way of the memo. */
export class SuffixSource {
  readonly #context: DecodeContext<unknown>;
  readonly #engine: Engine;
  readonly #mostCandidates: number;

  /** @param mostCandidates likeliest tokens that candidates tell, where the engine tells as many */
  constructor(context: DecodeContext<unknown>, mostCandidates = usualCandidates) {
    this.#context = context;
    this.#engine = memoized(context);
    this.#mostCandidates = mostCandidates;
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
    return this.#extend({ kept, horizon, address, cost }, this.#context.request);
  }

  /** Tells more of a token of a completion; `undefined` where the engine knows log Z exactly. */
  get narrow(): Narrow | undefined {
    if (this.#engine.info.capabilities.logNormalizer !== "interval") return undefined;
    return async (completion, position) => {
      const { request, inverseTemperature, signal } = this.#context;
      const token = completion[position]!;
      const kept = completion.slice(0, position);
      const prefix = [...request.prompt, ...kept.map(({ token: id }) => id)];
      const narrowed = await this.#engine.narrow?.(
        { prefix, token, inverseTemperature, share: request.share },
        signal,
      );
      if (narrowed === undefined) return undefined;
      const { logNormalizer, logNormalizerGap = 0, entropy, entropyGap = 0 } = narrowed.token;
      return { ...token, logNormalizer, logNormalizerGap, entropy, entropyGap };
    };
  }

  /** The same, token by token, with the likeliest tokens beside each. */
  async *candidates(
    kept: Completion,
    horizon: number,
    address: SuffixAddress,
    cost: DrawCost,
  ): AsyncGenerator<Candidates, void, undefined> {
    const { request, ends } = this.#context;
    const { mostTop } = this.#engine.info.capabilities;
    const topCount = Math.max(request.topCount, Math.min(this.#mostCandidates, mostTop));
    const before = [...kept];
    for await (const run of this.#extend({ kept, horizon, address, cost }, { topCount })) {
      for (const { top, ...token } of run) {
        if (top === undefined) throw new Error("the engine tells no likeliest tokens");
        const report = this.#topAsAsked(top, token);
        const take = (rank: number): CompletionToken => {
          const { ends: _drawnEnds, ...law } = token;
          const scored = { ...law, token: top.ids[rank]!, logprob: top.logprobs[rank]!, ...report };
          return ends.endsWith(before, scored.token) ? { ...scored, ends: true } : scored;
        };
        const drawn = { ...token, ...report };
        yield { top, drawn, take };
        before.push(drawn);
      }
    }
  }

  /** The likeliest tokens as the request wants them reported. */
  #topAsAsked(top: TopTokens, token: ScoredToken): Pick<ScoredToken, "top"> {
    const { topCount, logprobsMode } = this.#context.request;
    if (topCount === 0) return {};
    const law = temperedLaw(token, this.#context.inverseTemperature);
    const raw = { ...law, inverseTemperature: 1, logNormalizer: 0 };
    return { top: sampledTop(top, topCount, logprobsMode === "sampled" ? law : raw) };
  }

  #extend(
    { kept, horizon, address, cost }: Suffix,
    { topCount, logprobsMode }: Pick<ExtendRequest, "topCount" | "logprobsMode">,
  ): TokenStream<CompletionToken> {
    const { request, inverseTemperature, ends, constraint, signal } = this.#context;
    const extension = this.#engine.extend(
      {
        prefix: [...request.prompt, ...kept.map(({ token }) => token)],
        maxTokens: horizon - kept.length,
        promptLength: request.prompt.length,
        endTokens: ends.tokens,
        constraint,
        sampling: { inverseTemperature },
        draws: this.keyOf(address),
        beyond: address.beyond,
        topCount,
        logprobsMode,
        selfCertainty: request.selfCertainty,
        share: request.share,
        cost,
      },
      signal,
    );
    return ends.mark(kept, extension);
  }
}

/** The engine as a completion draws from it: what was visited before is remembered. */
export function memoized({
  request,
  inverseTemperature,
  engine,
  constraint,
  accelerations,
  isIsolated,
}: DecodeContext<unknown>): Engine {
  const { memo } = accelerations;
  if (memo === undefined) return engine;
  const { prompt, share, selfCertainty } = request;
  const priority = share?.priority ?? "interactive";
  const key = { prompt, inverseTemperature, constraint: constraint?.key, selfCertainty, priority };
  return isIsolated ? memo.own(engine, key) : memo.share(engine, key);
}
