import { uniform } from "../../core/random.ts";
import { logProbability } from "../../mcmc/completion.ts";
import { suffixGap } from "../../mcmc/settle.ts";
import { effectiveSampleSize } from "../../mcmc/resampling.ts";
import { leastLogEvidence, logEvidence, runSmc } from "../../mcmc/smc.ts";
import { SuffixSource } from "../chain/suffix-source.ts";
import type { Decoder } from "../decoder.ts";
import { reportCost } from "../report.ts";
import type { SmcReport } from "./report.ts";
import type { SmcSettings } from "./settings.ts";

/** Particles instead of a chain: approximately p(x)^α, the nearer the more of them. */
export const decodeSmc: Decoder<SmcSettings, SmcReport> = async function* (context) {
  const { alpha, particles: count } = context.settings;
  const target = { alpha, inverseTemperature: context.inverseTemperature };
  const suffixes = new SuffixSource(context);
  const key = suffixes.keyOf({ stage: 0, step: 0 });
  const result = await runSmc({
    target,
    particles: count,
    inTurn: context.isIsolated,
    ending: context.ending,
    horizon: context.request.maxTokens,
    resampleDraw: (length) => uniform(key, "resample", length),
    selectDraw: uniform(key, "select"),
    extend: (kept, horizon, branch, cost) =>
      suffixes.extend(kept, horizon, { stage: 0, step: 0, branch }, cost),
  });
  const { particles, answer, drawnTokens, rememberedTokens, resamplings, budgetExhausted, endedEarly } =
    result;
  yield { type: "tokens", tokens: answer };
  const isCutOff = budgetExhausted || endedEarly;
  const { logNormalizer } = context.engine.info.capabilities;
  return {
    report: {
      kind: "approximate",
      alpha,
      particles: count,
      ess: effectiveSampleSize(particles.map(({ logWeight }) => logWeight)),
      resamplings,
      log_evidence: isCutOff ? null : logEvidence(particles),
      ...(logNormalizer === "interval" && {
        log_evidence_low: isCutOff ? null : leastLogEvidence(particles),
        log_z_width: suffixGap(answer, 0),
      }),
      logprob: logProbability(answer),
      ...reportCost({ drawnTokens, rememberedTokens }, context.evaluatedTokens()),
      budget_exhausted: budgetExhausted,
    },
    endedEarly,
  };
};
