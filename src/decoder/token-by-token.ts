import type { Sampling } from "../sampling/distribution.ts";
import type { LogitAdjustments } from "../sampling/logit-adjustments.ts";
import type { DecodeContext, Decoder } from "./decoder.ts";
import { inverseTemperatureOf } from "./completer.ts";
import type { SamplerSettings, StandardSettings } from "./completer.ts";

/** A decoder that draws each token once and keeps it. */
function tokenByToken<Settings extends SamplerSettings>(
  samplingOf: (context: DecodeContext<Settings>) => Omit<Sampling, "inverseTemperature">,
): Decoder<Settings> {
  return async function* (context) {
    const { request, settings, engine, ends, signal } = context;
    const extension = engine.extend(
      {
        prefix: request.prompt,
        maxTokens: request.maxTokens,
        endTokens: ends.tokens,
        sampling: { ...samplingOf(context), inverseTemperature: inverseTemperatureOf(settings) },
        draws: { seed: request.seed, choice: request.choice, stage: 0, step: 0 },
        topCount: request.topCount,
        logprobsMode: request.logprobsMode,
      },
      signal,
    );
    for await (const tokens of ends.mark([], extension)) yield { type: "tokens", tokens };
    return {};
  };
}

const greedySampling = { topK: 1 };

/** The likeliest token each time. */
export const decodeGreedy = tokenByToken(() => greedySampling);

/** Token by token from p^α: what power sampling is often mistaken for. T = 1/α. */
export const decodeLowTemperature = tokenByToken<{ sampler: "low_temperature"; alpha: number }>(() => ({}));

/** Temperature, top_k, top_p, min_p, penalties and bias, as OpenAI's API and vLLM have them. */
export const decodeStandard = tokenByToken<StandardSettings>((context) => {
  const { temperature, topK, topP, minP } = context.settings;
  const adjustments = adjustmentsOf(context);
  const adjusted = adjustments === undefined ? {} : { adjustments };
  if (temperature === 0) return { ...greedySampling, ...adjusted };
  return {
    ...(topK === undefined ? {} : { topK }),
    ...(topP === undefined ? {} : { topP }),
    ...(minP === undefined ? {} : { minP }),
    ...adjusted,
  };
});

function adjustmentsOf({
  settings,
  request,
  ends,
}: DecodeContext<StandardSettings>): LogitAdjustments | undefined {
  const { adjustments, minTokens = 0 } = settings;
  if (adjustments === undefined && minTokens === 0) return undefined;
  const forbidden = minTokens === 0 ? {} : { forbidden: { tokens: [...ends.tokens], until: minTokens } };
  return { ...adjustments, ...forbidden, promptLength: request.prompt.length };
}
