import type { LogprobsMode } from "../sampling/distribution.ts";
import { beyondContext, beyondEngine, tooManyAlternatives } from "../core/errors.ts";
import type { Excess } from "../core/errors.ts";
import { narrowSeed } from "../core/random.ts";
import type { TokenIds } from "../core/tokens.ts";
import { promptBytes } from "../decoder/completer.ts";
import type {
  GenerateRequest,
  Completer,
  ModelInfo,
  Priority,
  Prompt,
  Reproducibility,
  EncodeOptions,
} from "../decoder/completer.ts";
import { checkEngine } from "../samplers/check-engine.ts";
import { completionsHeld, tokensRemembered } from "../samplers/registry.ts";
import type { SamplerName } from "../samplers/registry.ts";
import type { Admission, Demand } from "./admission.ts";
import { answerRates, demandOf } from "./answer-size.ts";
import type { AnswerShape } from "./answer-size.ts";
import { planConstraint } from "./constraint-plan.ts";
import type { FieldNames } from "./field-names.ts";
import type { Given } from "./given.ts";
import { invalid } from "./invalid.ts";
import { planMaxTokens } from "./max-tokens.ts";
import type { LengthInput } from "./max-tokens.ts";
import { chooseSampler, planSampling } from "./sampling-plan.ts";
import { planSelection } from "./selection/selection-plan.ts";
import type { Selection } from "./selection/selection-plan.ts";
import type { ToolPlan } from "./tool-plan.ts";
import type { GenerationFields } from "./schemas/fields.ts";

/** Completions of one request, over all its prompts. */
const maxCompletions = 1024;

/** A validated request: what to generate, and what of it to show. */
export interface GenerationPlan {
  readonly prompts: readonly TokenIds[];
  /** The prompts as the client wrote them, where they were text. */
  readonly texts: readonly string[] | undefined;
  /** `candidates` per prompt, prompt by prompt; index i belongs to prompt ⌊i/candidates⌋. */
  readonly requests: readonly GenerateRequest[];
  /** What admission counts it as. */
  readonly demand: Demand;
  readonly priority: Priority;
  /** Completions generated for each prompt, and how many of them are shown. */
  readonly candidates: number;
  readonly n: number;
  /** How those are chosen; `undefined` where all are shown. */
  readonly selection: Selection | undefined;
  readonly echo: boolean;
  /** How many alternatives to report per token; `undefined` for no log-probs at all. */
  readonly logprobs: number | undefined;
  /** Whether log-probs are the raw model's or those of the law that tokens were drawn from. */
  readonly logprobsMode: LogprobsMode;
  /** How the entropies that are to be told are known; `undefined` where none are. */
  readonly entropy: "exact" | "interval" | undefined;
  /** Whether the self-certainty of each choice is told. */
  readonly selfCertainty: boolean;
  readonly returnTokenIds: boolean;
  readonly tokensAsIds: boolean;
  /** Fields of the body that the sampler does without, or that nothing is offered for, by name. */
  readonly ignored: readonly string[];
  readonly reproducibility: Reproducibility;
  readonly includeUsage: boolean;
  /** Whether every chunk of a stream has the usage so far. */
  readonly continuousUsage: boolean;
  /** How calls of tools are told from what an answer says; `undefined` where none may be made. */
  readonly tools: ToolPlan | undefined;
  /** The model's name as the client wrote it. */
  readonly modelName: string;
}

export interface PlanContext {
  readonly completer: Pick<Completer, "model" | "prompts">;
  readonly defaultSampler: SamplerName;
  /** A seed for a request that brings none. */
  readonly freshSeed: () => number;
  readonly admission: Pick<Admission, "mostTokens" | "mostAnswerBytes">;
}

/** What an endpoint reads in its own way before the common fields are planned. */
export interface PlanInput extends Omit<LengthInput, "rates" | "held" | "remembered">, AnswerShape {
  readonly names: FieldNames;
  readonly texts?: readonly string[] | undefined;
  /** Fields of its own that it takes and lets be. */
  readonly ignored?: readonly string[];
  readonly tools?: ToolPlan | undefined;
}

/** @throws InferenceError naming the field at fault and what to do */
export async function planGeneration(
  body: Given<GenerationFields>,
  input: PlanInput,
  context: PlanContext,
): Promise<GenerationPlan> {
  const { model } = context.completer;
  const { prompts, echo, logprobs, returnTokenIds } = input;
  checkAlternatives(input, model);
  const { include_usage, include_progress, continuous_usage_stats } = body.stream_options ?? {};
  const asksOfStream = include_usage === true || include_progress === true || continuous_usage_stats === true;
  if (body.stream !== true && asksOfStream) {
    throw invalid("stream_options", "stream_options is only allowed together with stream: true.");
  }
  const logprobsMode = planLogprobsMode(body, input, model);
  const selfCertainty = planSelfCertainty(body, model);
  const n = body.n ?? 1;
  const candidates = planCandidates(body, n, prompts.length);
  const rates = answerRates(input, model);
  const sampler = chooseSampler(body, model, context.defaultSampler);
  const held = completionsHeld(sampler, body, model.defaults, candidates);
  const remembered = tokensRemembered(sampler, body, Infinity);
  const { maxTokens, isOpen } = planMaxTokens({ ...input, rates, held, remembered }, candidates, {
    model,
    admission: context.admission,
  });
  const stop =
    typeof body.stop === "string" ? [body.stop] : (body.stop ?? []).filter((text) => text !== null);
  const { settings, ignored } = planSampling(body, {
    // Blocks of the model's own size are for completions of its own length, not for a whole context.
    model: isOpen ? { ...model, defaults: { ...model.defaults, blockSize: undefined } } : model,
    sampler,
    maxTokens,
    stop,
    candidates,
    n,
  });
  checkEngine(settings, model);
  const { capabilities } = model;
  const selection = planSelection(body, { candidates, n, settings, capabilities });
  const seed = body.seed === undefined ? context.freshSeed() : narrowSeed(BigInt(body.seed));
  const stopTokens = checkVocabulary("stop_token_ids", body.stop_token_ids ?? [], model);
  const { constraint, ignored: unheard } = await planConstraint(body, input, model);
  const requests = prompts.flatMap((prompt, promptIndex) =>
    Array.from({ length: candidates }, (_, index) => ({
      prompt,
      settings,
      maxTokens,
      stop,
      stopTokens,
      ...(constraint && { constraint }),
      ignoreEnd: body.ignore_eos ?? false,
      seed,
      choice: promptIndex * candidates + index,
      topCount: logprobs ?? 0,
      logprobsMode,
      selfCertainty: selfCertainty || selection?.rule === "self_certainty",
      // What may not be shown is not read before the end, either.
      inOnePiece: body.stream !== true || selection !== undefined,
      // Many formats mark calls by special tokens.
      showSpecial: input.tools !== undefined,
      progress: include_progress ?? false,
    })),
  );
  return {
    prompts,
    texts: input.texts,
    requests,
    demand: demandOf({
      promptLengths: prompts.map(({ length }) => length),
      candidates,
      tokensHeld: maxTokens * held,
      tokensRemembered: tokensRemembered(sampler, body, maxTokens),
      rates,
    }),
    priority: planPriority(body),
    candidates,
    n,
    selection,
    echo,
    logprobs,
    logprobsMode,
    entropy: planEntropy(input, model),
    selfCertainty,
    returnTokenIds,
    tokensAsIds: body.return_tokens_as_token_ids ?? false,
    ignored: [...ignored, ...unheard, ...(input.ignored ?? [])],
    reproducibility: model.capabilities.reproducibility,
    includeUsage: include_usage ?? false,
    continuousUsage: continuous_usage_stats ?? false,
    tools: input.tools,
    modelName: body.model ?? model.id,
  };
}

function planPriority({ priority = 0, service_tier: tier }: Given<GenerationFields>): Priority {
  return priority === 0 ? (tier === "flex" ? "batch" : "interactive") : priority;
}

function planEntropy({ entropy }: PlanInput, { capabilities }: ModelInfo): GenerationPlan["entropy"] {
  if (!entropy) return undefined;
  if (capabilities.entropy === "unknown")
    throw beyondEngine("entropy", "tell the entropy of its distributions");
  return capabilities.entropy;
}

function planSelfCertainty(
  { self_certainty: isAsked = false }: Given<GenerationFields>,
  { capabilities }: ModelInfo,
): boolean {
  if (isAsked && !capabilities.selfCertainty)
    throw beyondEngine("self_certainty", "tell how far its distributions are from the uniform one");
  return isAsked;
}

function planLogprobsMode(
  body: Given<GenerationFields>,
  { logprobs, echo, names }: PlanInput,
  { capabilities }: ModelInfo,
): LogprobsMode {
  const mode = body.logprobs_mode ?? "raw";
  if (mode === "raw") return mode;
  if (logprobs === undefined)
    throw invalid("logprobs_mode", `logprobs_mode is only allowed together with ${names.logprobs}.`);
  if (echo) {
    throw invalid(
      "logprobs_mode",
      "logprobs_mode 'sampled' has no meaning for an echoed prompt, which was not sampled. Leave one of them out.",
    );
  }
  // Within its bounds log Z does for decisions; what is told as a number is to be one.
  if (capabilities.logNormalizer !== "exact")
    throw beyondEngine("logprobs_mode", "tell the log-probs of the law that tokens are drawn from");
  return mode;
}

function checkAlternatives(
  { logprobs = 0, names }: PlanInput,
  { vocabularySize, capabilities: { mostTop } }: ModelInfo,
): void {
  // More than the vocabulary are the vocabulary.
  if (Math.min(logprobs, vocabularySize) > mostTop)
    throw tooManyAlternatives(names.alternatives, logprobs, mostTop);
}

function planCandidates({ best_of: bestOf }: Given<GenerationFields>, n: number, prompts: number): number {
  const candidates = bestOf ?? n;
  if (candidates < n) throw invalid("best_of", `best_of of ${candidates} is less than n of ${n}.`);
  if (prompts * candidates > maxCompletions) {
    const name = bestOf === undefined ? "n" : "best_of";
    throw invalid(
      name,
      `${prompts} prompts x ${name} = ${candidates} are more than the ${maxCompletions} completions a request may ask for.`,
    );
  }
  return candidates;
}

/** @returns the ids @throws InferenceError naming the field when one is outside the vocabulary */
export function checkVocabulary(param: string, tokens: TokenIds, { vocabularySize }: ModelInfo): TokenIds {
  const wrong = tokens.find((token) => token >= vocabularySize);
  if (wrong === undefined) return tokens;
  throw invalid(param, `Token id ${wrong} is outside the vocabulary (0..${vocabularySize - 1}).`);
}

/** Longer than any token of a vocabulary, runs of spaces included; bytes. */
const mostBytesPerToken = 128;

/**
 * Tokenises prompts.
 * @throws InferenceError `context_length_exceeded` for text that no tokens of the context could hold, which is not
 *   worth tokenising; `invalid_request` for an empty one
 */
export async function encodePrompts(
  prompts: readonly Prompt[],
  { prompts: encoder, model }: PlanContext["completer"],
  options: EncodeOptions & { readonly param: FieldNames["prompt"] },
): Promise<TokenIds[]> {
  const { param } = options;
  checkPromptSizes(prompts, model, param);
  const encoded = await encoder.encode(prompts, options);
  if (encoded.some(({ length }) => length === 0))
    throw invalid(param, `${param}: the prompt is empty. Send at least one character.`);
  return encoded;
}

/** @throws InferenceError `context_length_exceeded` for text that no tokens of the context could hold */
export function checkPromptSizes(
  prompts: readonly Prompt[],
  { maxLength }: ModelInfo,
  param: Excess["promptField"],
): void {
  for (const prompt of prompts) {
    const leastTokens = Math.ceil(promptBytes(prompt) / mostBytesPerToken);
    if (leastTokens > maxLength)
      throw beyondContext(maxLength, { promptField: param, prompt: leastTokens, completion: 1 });
  }
}
