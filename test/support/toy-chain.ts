import type { TokenId, TokenIds } from "../../src/core/tokens.ts";
import { CompletionText } from "../../src/decoder/completion-text.ts";
import { TextEnds } from "../../src/decoder/ends.ts";
import type { Engine } from "../../src/engine/engine.ts";
import type { Memos } from "../../src/engine/memo/memos.ts";
import type { ChainResult } from "../../src/mcmc/chain.ts";
import type { Completion } from "../../src/mcmc/completion.ts";
import type { PrefetchPolicy } from "../../src/mcmc/prefetch-policy.ts";
import type { Driver, StageEvent, StagesResult } from "../../src/mcmc/stages.ts";
import { stageSettings } from "../../src/samplers/chain/decode-chain.ts";
import type { DecodeContext } from "../../src/samplers/decoder.ts";
import { chainFor } from "../../src/samplers/power/decode.ts";
import type { PowerSettings } from "../../src/samplers/power/settings.ts";
import { byteTokenizer } from "./byte-tokenizer.ts";
import { never } from "./toy-engine.ts";

export interface ChainRun extends Pick<PowerSettings, "alpha" | "blockSize" | "cut" | "kernel" | "warmUp"> {
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

/** Only stop strings need text. */
const unread = new CompletionText(byteTokenizer(), { prompt: [], stop: [], ends: [] });

/** What the decoder is given for such a run. */
function contextOf(engine: Engine, run: ChainRun): DecodeContext<PowerSettings> {
  const { prompt, endToken, inverseTemperature, maxTokens, seed, earlyRejection = true, memo } = run;
  return {
    request: { prompt, maxTokens, seed, choice: 0, topCount: 0 },
    settings: {
      alpha: run.alpha,
      proposalTemperature: 1 / inverseTemperature,
      mcmcSteps: run.steps,
      blockSize: run.blockSize,
      schedule: run.schedule ?? "full",
      ...(run.cut && { cut: run.cut }),
      ...(run.kernel && { kernel: run.kernel }),
      ...(run.warmUp && { warmUp: run.warmUp }),
    },
    inverseTemperature,
    engine,
    ends: new TextEnds(new Set([endToken]), unread),
    accelerations: { earlyRejection, prefetch: false, memo },
    isIsolated: false,
    evaluatedTokens: () => 0,
    signal: never,
    ending: never,
  };
}

/** Runs the chain of a power sampler on an engine, wired as the decoder wires it. */
export function runToyChain(engine: Engine, run: ChainRun): Promise<ChainResult> {
  return drive(engine, run, chainFor(contextOf(engine, run)));
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
