import { InferenceError, beyondContext, beyondEngine, tooManyAlternatives } from "../core/errors.ts";
import type { TokenIds } from "../core/tokens.ts";
import type { Sampling } from "../sampling/distribution.ts";
import type { LogitAdjustments } from "../sampling/logit-adjustments.ts";
import type { EngineInfo, ExtendRequest, ScoreOptions } from "./engine.ts";

/**
 * Tests whether an engine can extend as is asked.
 * @throws InferenceError `invalid_request`, `context_length_exceeded`; `unsupported` for what the engine lacks
 */
export function checkExtend(
  {
    prefix,
    maxTokens,
    sampling,
    constraint,
    beyond = 0,
    topCount,
    logprobsMode,
    selfCertainty,
  }: ExtendRequest,
  info: EngineInfo,
): void {
  checkTokens(prefix, maxTokens, info);
  checkTopCount(topCount, info);
  const { repeats, logNormalizer, truncation, adjustments, constraints } = info.capabilities;
  if (beyond > 0 && !repeats) throw beyondEngine("sampler", "draw from the tail of a law alone");
  if (logprobsMode === "sampled" && logNormalizer !== "exact")
    throw beyondEngine("logprobs_mode", "tell the log-probs of the law that tokens are drawn from");
  if (selfCertainty === true && !info.capabilities.selfCertainty)
    throw beyondEngine("self_certainty", "tell how far its distributions are from the uniform one");
  if (!constraints && constraint !== undefined)
    throw beyondEngine("response_format", "hold completions to a constraint");
  if (!truncation) refuseAny(truncationsOf(sampling));
  if (!adjustments && sampling.adjustments !== undefined) refuseAny(changesOf(sampling.adjustments));
}

/**
 * Tests whether an engine can score as is asked.
 * @throws InferenceError as `checkExtend`
 */
export function checkScore(tokens: TokenIds, { topCount }: ScoreOptions, info: EngineInfo): void {
  if (!info.capabilities.scores) throw beyondEngine("echo", "score given tokens");
  checkTokens(tokens, 0, info);
  checkTopCount(topCount, info);
}

/** Whether something is asked for, by what a client's request calls it. */
type Asked = Readonly<Record<string, boolean>>;

const truncationsOf = ({ topK, topP = 1, minP = 0 }: Sampling): Asked => ({
  top_k: topK !== undefined,
  top_p: topP < 1,
  min_p: minP > 0,
});

const changesOf = ({
  bias,
  forbidden,
  repetitionPenalty = 1,
  frequencyPenalty = 0,
  presencePenalty = 0,
}: LogitAdjustments): Asked => ({
  logit_bias: bias !== undefined && bias.size > 0,
  min_tokens: forbidden !== undefined,
  repetition_penalty: repetitionPenalty !== 1,
  frequency_penalty: frequencyPenalty !== 0,
  presence_penalty: presencePenalty !== 0,
});

function refuseAny(asked: Asked): void {
  const [param] = Object.entries(asked).find(([, isAsked]) => isAsked) ?? [];
  if (param === undefined) return;
  throw beyondEngine(param, param === "top_k" ? "draw by top_k, nor greedily" : `draw by ${param}`);
}

function checkTopCount(topCount: number, { vocabularySize, capabilities: { mostTop } }: EngineInfo): void {
  // More than the vocabulary are the vocabulary.
  if (Math.min(topCount, vocabularySize) <= mostTop) return;
  throw tooManyAlternatives("logprobs", topCount, mostTop);
}

function checkTokens(tokens: TokenIds, maxTokens: number, { maxLength, vocabularySize }: EngineInfo): void {
  if (tokens.length === 0)
    throw new InferenceError("invalid_request", "The prompt is empty; send at least one token.");
  if (tokens.length + maxTokens > maxLength) {
    throw beyondContext(maxLength, { promptField: "prompt", prompt: tokens.length, completion: maxTokens });
  }
  for (const token of tokens) {
    if (!(Number.isInteger(token) && token >= 0 && token < vocabularySize)) {
      throw new InferenceError(
        "invalid_request",
        `Token id ${token} is outside the vocabulary (0..${vocabularySize - 1}).`,
      );
    }
  }
}
