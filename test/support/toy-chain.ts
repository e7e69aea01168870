import type { TokenId, TokenIds } from "../../src/core/tokens.ts";
import { TextEnds } from "../../src/decoder/ends.ts";
import type { Engine } from "../../src/engine/engine.ts";
import { runChain } from "../../src/mcmc/chain.ts";
import type { ChainEvent, ChainResult } from "../../src/mcmc/chain.ts";
import type { Completion } from "../../src/mcmc/completion.ts";
import { horizons } from "../../src/mcmc/schedule.ts";
import type { Schedule } from "../../src/mcmc/schedule.ts";
import { uniformCut } from "../../src/mcmc/cut.ts";
import type { Kernel } from "../../src/mcmc/kernel.ts";
import { KeyedDraws } from "../../src/mcmc/keyed-draws.ts";
import type { PrefetchPolicy } from "../../src/mcmc/step-ahead.ts";
import { singleTry } from "../../src/mcmc/single-try.ts";
import { ladder } from "../../src/mcmc/tempering.ts";
import { never } from "./toy-engine.ts";

export interface ChainRun {
  readonly prompt: TokenIds;
  readonly endToken: TokenId;
  readonly alpha: number;
  readonly inverseTemperature: number;
  readonly maxTokens: number;
  readonly blockSize: number;
  readonly steps: number;
  readonly seed: number;
  readonly schedule?: Schedule;
  readonly earlyRejection?: boolean;
  readonly prefetch?: PrefetchPolicy;
  /** A single try after a uniform cut when left out. */
  readonly kernel?: Kernel;
  /** Of the ladder of exponents; 1, the chain alone, when left out. */
  readonly replicas?: number;
  /** Of a search. */
  readonly keepsBest?: boolean;
  /** Sees every state, drafts included, and what led to it. */
  readonly onState?: (state: Completion, event: ChainEvent) => void;
}

/** Runs a power chain on an engine, as the decoder does but without text. */
export async function runToyChain(engine: Engine, run: ChainRun): Promise<ChainResult> {
  const key = (stage: number, step: number, branch: number) => ({
    seed: run.seed,
    choice: 0,
    stage,
    step,
    branch,
  });
  // Only stop strings need text.
  const ends = new TextEnds(new Set([run.endToken]), [], undefined as never);
  const chain = runChain({
    targets: ladder({ alpha: run.alpha, inverseTemperature: run.inverseTemperature }, run.replicas ?? 1),
    kernel: run.kernel ?? singleTry(uniformCut),
    horizons: horizons(run.maxTokens, run.blockSize),
    stepsPerBlock: run.steps,
    schedule: run.schedule ?? "full",
    earlyRejection: run.earlyRejection ?? true,
    prefetch: run.prefetch,
    keepsBest: run.keepsBest ?? false,
    draws: ({ stage, step }, replica) => new KeyedDraws(key(stage, step, replica)),
    extend: (kept, horizon, { stage, step, branch }) =>
      ends.mark(
        kept,
        engine.extend(
          {
            prefix: [...run.prompt, ...kept.map(({ token }) => token)],
            maxTokens: horizon - kept.length,
            endTokens: ends.tokens,
            sampling: { inverseTemperature: run.inverseTemperature },
            draws: key(stage, step, branch),
            topCount: 0,
          },
          never,
        ),
      ),
  });
  for (;;) {
    const next = await chain.next();
    if (next.done === true) return next.value;
    run.onState?.(next.value.state, next.value);
  }
}
