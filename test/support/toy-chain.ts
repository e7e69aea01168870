import type { TokenId, TokenIds } from "../../src/core/tokens.ts";
import type { PowerSettings } from "../../src/decoder/completer.ts";
import { stageSettings } from "../../src/decoder/decode-chain.ts";
import type { DecodeContext } from "../../src/decoder/decoder.ts";
import { Ends } from "../../src/decoder/ends.ts";
import { chainFor } from "../../src/decoder/power.ts";
import type { Engine, Memos } from "../../src/engine/engine.ts";
import type { ChainResult } from "../../src/mcmc/chain.ts";
import type { Completion } from "../../src/mcmc/completion.ts";
import type { PrefetchPolicy } from "../../src/mcmc/prefetch-policy.ts";
import type { Driver, StageEvent, StagesResult } from "../../src/mcmc/stages.ts";
import { never } from "./toy-engine.ts";

export interface ChainRun extends Pick<PowerSettings, "alpha" | "blockSize" | "cut" | "kernel"> {
  readonly prompt: TokenIds;
  readonly endToken: TokenId;
  readonly inverseTemperature: number;
  readonly maxTokens: number;
  readonly steps: number;
  readonly seed: number;
  readonly schedule?: PowerSettings["schedule"];
  readonly earlyRejection?: boolean;
  readonly memo?: Memos | undefined;
  readonly prefetch?: PrefetchPolicy;
  /** Sees every state, drafts included, and what led to it. */
  readonly onState?: (state: Completion, event: StageEvent) => void;
}

function settingsOf(run: ChainRun): PowerSettings {
  return {
    sampler: "power",
    alpha: run.alpha,
    proposalTemperature: 1 / run.inverseTemperature,
    mcmcSteps: run.steps,
    blockSize: run.blockSize,
    schedule: run.schedule ?? "full",
    ...(run.cut && { cut: run.cut }),
    ...(run.kernel && { kernel: run.kernel }),
  };
}

/** What the decoder is given for such a run. Only stop strings and traces need a tokenizer. */
function contextOf(engine: Engine, run: ChainRun): DecodeContext<PowerSettings> {
  const { prompt, endToken, maxTokens, seed, earlyRejection = true, memo } = run;
  const settings = settingsOf(run);
  const tokenizer = undefined as never;
  return {
    request: { prompt, settings, maxTokens, stop: [], seed, choice: 0, topCount: 0 },
    settings,
    engine,
    ends: new Ends(new Set([endToken]), [], tokenizer),
    tokenizer,
    accelerations: { earlyRejection, prefetch: false, memo },
    signal: never,
  };
}

/** Runs the chain of a power sampler on an engine, wired as the decoder wires it. */
export function runToyChain(engine: Engine, run: ChainRun): Promise<ChainResult> {
  return drive(engine, run, chainFor(settingsOf(run)));
}

/** Runs another driver than the power sampler's in its place. */
export async function drive<Result extends StagesResult>(
  engine: Engine,
  run: ChainRun,
  driver: Driver<Result>,
): Promise<Result> {
  const settings = { ...stageSettings(contextOf(engine, run), driver), prefetch: run.prefetch };
  const events = driver.run(settings);
  for (;;) {
    const next = await events.next();
    if (next.done === true) return next.value;
    run.onState?.(next.value.state, next.value);
  }
}
