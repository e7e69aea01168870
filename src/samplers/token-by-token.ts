import type { Sampling } from "../sampling/distribution.ts";
import type { DecodeContext, Decoder } from "./decoder.ts";
import { reportCost } from "./report.ts";
import type { CostReport } from "./report.ts";

/** A decoder that draws each token once and keeps it. */
export function tokenByToken<Settings>(
  samplingOf: (context: DecodeContext<Settings>) => Omit<Sampling, "inverseTemperature">,
): Decoder<Settings, CostReport> {
  return async function* (context) {
    const { request, inverseTemperature, engine, ends, constraint, signal, ending } = context;
    const extension = engine.extend(
      {
        prefix: request.prompt,
        promptLength: request.prompt.length,
        maxTokens: request.maxTokens,
        endTokens: ends.tokens,
        constraint,
        sampling: { ...samplingOf(context), inverseTemperature },
        draws: { seed: request.seed, choice: request.choice, stage: 0, step: 0 },
        topCount: request.topCount,
        logprobsMode: request.logprobsMode,
        selfCertainty: request.selfCertainty,
      },
      signal,
    );
    let drawnTokens = 0;
    let hasEnded = false;
    for await (const tokens of ends.mark([], extension)) {
      drawnTokens += tokens.length;
      hasEnded = tokens.at(-1)?.ends === true;
      yield { type: "tokens", tokens };
    }
    return {
      report: reportCost({ drawnTokens, rememberedTokens: 0 }, context.evaluatedTokens()),
      endedEarly: ending.aborted && !hasEnded && drawnTokens < request.maxTokens,
    };
  };
}

export const greedySampling = { topK: 1 };
