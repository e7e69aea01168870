import type { LogitAdjustments } from "../../sampling/logit-adjustments.ts";
import type { DecodeContext } from "../decoder.ts";
import { greedySampling, tokenByToken } from "../token-by-token.ts";
import type { StandardSettings } from "./settings.ts";

/** Temperature, top_k, top_p, min_p, penalties and bias, as OpenAI's API and vLLM have them. */
export const decodeStandard = tokenByToken<StandardSettings>((context) => {
  const { temperature, topK, topP, minP } = context.settings;
  const adjustments = adjustmentsOf(context);
  const adjusted = adjustments === undefined ? {} : { adjustments };
  if (temperature === 0) return { ...greedySampling, ...adjusted };
  return {
    inverseTemperature: 1 / temperature,
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
