import type { Sampling } from "../sampling/distribution.ts";
import type { DecodeContext, Decoder } from "./decoder.ts";

/** A decoder that draws each token once and keeps it. */
export function tokenByToken<Settings>(
  samplingOf: (context: DecodeContext<Settings>) => Sampling,
): Decoder<Settings, undefined> {
  return async function* (context) {
    const { request, engine, ends, signal } = context;
    const extension = engine.extend(
      {
        prefix: request.prompt,
        maxTokens: request.maxTokens,
        endTokens: ends.tokens,
        sampling: samplingOf(context),
        draws: { seed: request.seed, choice: request.choice, stage: 0, step: 0 },
        topCount: request.topCount,
        logprobsMode: request.logprobsMode,
      },
      signal,
    );
    for await (const tokens of ends.mark([], extension)) yield { type: "tokens", tokens };
    return { report: undefined };
  };
}

export const greedySampling: Sampling = { inverseTemperature: 1, topK: 1 };
