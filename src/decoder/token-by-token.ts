import type { Sampling } from "../core/distribution.ts";
import type { Decoder } from "./decoder.ts";
import type { SamplerSettings, StandardSettings } from "./generator.ts";

/** A decoder that draws each token once and keeps it. */
function tokenByToken<Settings extends SamplerSettings>(
  samplingOf: (settings: Settings) => Sampling,
): Decoder<Settings> {
  return async function* ({ request, settings, engine, ends, signal }) {
    const extension = engine.extend(
      {
        prefix: request.prompt,
        maxTokens: request.maxTokens,
        endTokens: ends.tokens,
        sampling: samplingOf(settings),
        draws: { seed: request.seed, choice: request.choice, stage: 0, step: 0 },
        topCount: request.topCount,
      },
      signal,
    );
    yield* ends.mark([], extension);
    return undefined;
  };
}

const greedySampling: Sampling = { inverseTemperature: 1, topK: 1 };

/** The likeliest token each time. */
export const decodeGreedy = tokenByToken(() => greedySampling);

/** Token by token from p^α: what power sampling is often mistaken for. T = 1/α. */
export const decodeLowTemperature = tokenByToken<{ sampler: "low_temperature"; alpha: number }>(
  ({ alpha }) => ({
    inverseTemperature: alpha,
  }),
);

/** Temperature, top_k, top_p, min_p, as OpenAI's API and vLLM have them. */
export const decodeStandard = tokenByToken<StandardSettings>(({ temperature, topK, topP, minP }) =>
  temperature === 0
    ? greedySampling
    : {
        inverseTemperature: 1 / temperature,
        ...(topK === undefined ? {} : { topK }),
        ...(topP === undefined ? {} : { topP }),
        ...(minP === undefined ? {} : { minP }),
      },
);
