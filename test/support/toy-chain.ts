import { uniform } from "../../src/core/random.ts";
import type { TokenId, TokenIds } from "../../src/core/tokens.ts";
import type { Engine } from "../../src/engine/engine.ts";
import { runChain } from "../../src/mcmc/chain.ts";
import type { ChainResult } from "../../src/mcmc/chain.ts";
import type { Completion, CompletionToken } from "../../src/mcmc/completion.ts";
import { horizons } from "../../src/mcmc/schedule.ts";
import type { Schedule } from "../../src/mcmc/schedule.ts";
import { stepUniformCut } from "../../src/mcmc/uniform-cut.ts";
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
  /** Sees every state, drafts included. */
  readonly onState?: (state: Completion) => void;
}

/** Runs a power chain on an engine, as the decoder does but without text. */
export async function runToyChain(engine: Engine, run: ChainRun): Promise<ChainResult> {
  const key = (stage: number, step: number) => ({ seed: run.seed, choice: 0, stage, step });
  const chain = runChain({
    target: { alpha: run.alpha, inverseTemperature: run.inverseTemperature },
    kernel: stepUniformCut,
    horizons: horizons(run.maxTokens, run.blockSize),
    stepsPerBlock: run.steps,
    schedule: run.schedule ?? "full",
    earlyRejection: run.earlyRejection ?? true,
    draws: ({ stage, step }) => ({
      cut: uniform(key(stage, step), "cut"),
      accept: uniform(key(stage, step), "accept"),
    }),
    extend: async function* (kept, horizon, { stage, step }): AsyncGenerator<CompletionToken> {
      const extension = engine.extend(
        {
          prefix: [...run.prompt, ...kept.map(({ token }) => token)],
          maxTokens: horizon - kept.length,
          endTokens: new Set([run.endToken]),
          sampling: { inverseTemperature: run.inverseTemperature },
          draws: key(stage, step),
          topCount: 0,
        },
        never,
      );
      for await (const token of extension) yield { ...token, ends: token.token === run.endToken };
    },
  });
  for (;;) {
    const next = await chain.next();
    if (next.done === true) return next.value;
    run.onState?.(next.value.state);
  }
}
