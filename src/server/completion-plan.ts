import { InferenceError } from "../core/errors.ts";
import type { TokenIds } from "../core/tokens.ts";
import type { Generator, GenerateRequest, ModelInfo, SamplerName } from "../decoder/generator.ts";
import { planSampling } from "./sampling-plan.ts";
import type { CompletionRequest } from "./schemas/completions.ts";

/** Completions wanted when a request does not say how long: OpenAI's default. */
const usualMaxTokens = 16;

/** Completions of one request, over all its prompts. */
const maxCompletions = 1024;

export interface Prompt {
  readonly tokens: TokenIds;
}

/** A validated request: what to generate, and what of it to show. */
export interface CompletionPlan {
  readonly prompts: readonly Prompt[];
  /** n per prompt, prompt by prompt; index i belongs to prompt ⌊i/n⌋. */
  readonly requests: readonly GenerateRequest[];
  readonly n: number;
  readonly echo: boolean;
  /** How many alternatives to report per token; `undefined` for no log-probs at all. */
  readonly logprobs: number | undefined;
  readonly returnTokenIds: boolean;
  readonly tokensAsIds: boolean;
  readonly includeUsage: boolean;
  /** The model's name as the client wrote it. */
  readonly modelName: string;
}

export interface PlanContext {
  readonly generator: Pick<Generator, "model" | "tokenizer">;
  readonly defaultSampler: SamplerName;
  /** A seed for a request that brings none. */
  readonly freshSeed: () => number;
}

/** @throws InferenceError naming the field at fault and what to do */
export function planCompletion(body: CompletionRequest, context: PlanContext): CompletionPlan {
  const { model } = context.generator;
  if (body.stream !== true && body.stream_options !== null && body.stream_options !== undefined) {
    throw invalid("stream_options", "stream_options is only allowed together with stream: true.");
  }
  const echo = body.echo ?? false;
  const prompts = toPrompts(body.prompt, context.generator);
  const maxTokens = planMaxTokens(body.max_tokens, { prompts, model, echo });
  const settings = planSampling(body, model, maxTokens, context.defaultSampler);
  const n = body.n ?? 1;
  if (prompts.length * n > maxCompletions) {
    throw invalid(
      "n",
      `${prompts.length} prompts x n = ${n} are more than the ${maxCompletions} completions a request may ask for.`,
    );
  }
  const seed = body.seed ?? context.freshSeed();
  const stop = typeof body.stop === "string" ? [body.stop] : (body.stop ?? []);
  const requests = prompts.flatMap(({ tokens }, promptIndex) =>
    Array.from({ length: n }, (_, index) => ({
      prompt: tokens,
      settings,
      maxTokens,
      stop,
      seed,
      choice: promptIndex * n + index,
      topCount: body.logprobs ?? 0,
    })),
  );
  return {
    prompts,
    requests,
    n,
    echo,
    logprobs: body.logprobs ?? undefined,
    returnTokenIds: body.return_token_ids ?? false,
    tokensAsIds: body.return_tokens_as_token_ids ?? false,
    includeUsage: body.stream_options?.include_usage ?? false,
    modelName: body.model ?? model.id,
  };
}

function toPrompts(prompt: CompletionRequest["prompt"], generator: PlanContext["generator"]): Prompt[] {
  if (typeof prompt === "string") return [encodePrompt(prompt, generator)];
  const [first] = prompt;
  if (typeof first === "string") return (prompt as string[]).map((text) => encodePrompt(text, generator));
  const lists = typeof first === "number" ? [prompt as number[]] : (prompt as number[][]);
  return lists.map((tokens) => ({ tokens: checkTokens(tokens, generator.model) }));
}

function encodePrompt(text: string, { tokenizer }: PlanContext["generator"]): Prompt {
  const tokens = tokenizer.encode(text, { addSpecialTokens: true });
  if (tokens.length === 0) throw invalid("prompt", "The prompt is empty. Send at least one character.");
  return { tokens };
}

function checkTokens(tokens: readonly number[], { vocabularySize }: ModelInfo): readonly number[] {
  const wrong = tokens.find((token) => token >= vocabularySize);
  if (wrong === undefined) return tokens;
  throw invalid("prompt", `Token id ${wrong} is outside the vocabulary (0..${vocabularySize - 1}).`);
}

function planMaxTokens(
  asked: number | null | undefined,
  { prompts, model, echo }: { prompts: readonly Prompt[]; model: ModelInfo; echo: boolean },
): number {
  const longest = Math.max(...prompts.map(({ tokens }) => tokens.length));
  const room = model.maxLength - longest;
  const isTooLong = longest > model.maxLength || (room < 1 && !(echo && asked === 0));
  if (isTooLong || (asked ?? 0) > room) {
    const wish = asked === null || asked === undefined || asked === 0 ? "" : ` and max_tokens of ${asked}`;
    throw new InferenceError(
      "context_length_exceeded",
      `The model's context is ${model.maxLength} tokens; the prompt of ${longest}${wish} does not fit. Shorten the prompt${wish === "" ? "" : " or max_tokens"}.`,
      { param: isTooLong ? "prompt" : "max_tokens" },
    );
  }
  if (asked === 0 && !echo) {
    throw invalid(
      "max_tokens",
      "max_tokens: 0 generates nothing. Set echo: true to score the prompt, or ask for at least 1.",
    );
  }
  return asked ?? Math.min(model.defaults.maxTokens ?? usualMaxTokens, room);
}

const invalid = (param: string, message: string): InferenceError =>
  new InferenceError("invalid_request", message, { param });
