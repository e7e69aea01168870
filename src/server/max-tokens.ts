import { beyondContext } from "../core/errors.ts";
import type { ModelInfo } from "../decoder/completer.ts";
import type { Admission } from "./admission.ts";
import { demandOf } from "./answer-size.ts";
import type { AnswerRates } from "./answer-size.ts";
import type { FieldNames } from "./field-names.ts";
import { invalid } from "./invalid.ts";
import type { TokenIds } from "../core/tokens.ts";

/** What of an endpoint's request decides it. */
export interface LengthInput {
  readonly prompts: readonly TokenIds[];
  readonly names: Pick<FieldNames, "prompt" | "length">;
  readonly maxTokens: number | undefined;
  /** Where neither request nor model says; ∞ for the rest of the context. */
  readonly usualMaxTokens: number;
  readonly echo: boolean;
  readonly rates: AnswerRates;
  /** Completions that the sampler holds while it draws one. */
  readonly held: number;
  /** What it remembers at most besides, whatever their length. */
  readonly remembered: number;
}

export interface LengthContext {
  readonly model: ModelInfo;
  readonly admission: Pick<Admission, "mostTokens" | "mostAnswerBytes">;
}

/** Most tokens of a completion, and whether neither request nor model said so. */
export interface MaxTokens {
  readonly maxTokens: number;
  readonly isOpen: boolean;
}

/**
 * How long each completion may become. Where the request does not say, the model does (`max_new_tokens` of its
 * generation_config.json, as in vLLM), and else the endpoint: to the end of the context in a chat, but for no more than
 * the server takes in at once.
 * @param candidates completions of each prompt
 * @throws InferenceError `context_length_exceeded`; `invalid_request` where nothing would be generated
 */
export function planMaxTokens(
  input: LengthInput,
  candidates: number,
  { model, admission }: LengthContext,
): MaxTokens {
  const { prompts, maxTokens: asked, usualMaxTokens, echo, rates, held, remembered } = input;
  const { prompt: promptField, length: lengthField } = input.names;
  const longest = Math.max(...prompts.map(({ length }) => length));
  const room = model.maxLength - longest;
  const completion = asked ?? 1;
  if (longest + completion > model.maxLength) {
    const isPromptAtFault = promptField !== "prompt" || room < Math.min(1, completion);
    throw beyondContext(model.maxLength, {
      promptField,
      lengthField,
      prompt: longest,
      completion,
      param: isPromptAtFault ? promptField : lengthField,
    });
  }
  if (asked === 0 && !echo)
    throw invalid(lengthField, `${lengthField}: 0 generates nothing. ${remedies[promptField]}`);
  if (asked !== undefined) return { maxTokens: asked, isOpen: false };
  const { maxTokens: usual } = model.defaults;
  const promptLengths = prompts.map(({ length }) => length);
  const idle = demandOf({ promptLengths, candidates, tokensHeld: 0, tokensRemembered: remembered, rates });
  const share = Math.min(
    (admission.mostTokens - idle.tokens) / idle.completions,
    (admission.mostAnswerBytes - idle.answerBytes) / idle.completions / rates.generated,
  );
  // Where what is remembered alone is too much, no length helps: admission refuses it, and says what would.
  const most = idle.tokens > admission.mostTokens ? Infinity : Math.max(1, Math.floor(share / held));
  return {
    maxTokens: Math.min(usual ?? usualMaxTokens, room, most),
    isOpen: usual === undefined && usualMaxTokens === Infinity,
  };
}

const askForMore = "Ask for at least 1, or leave it out.";
const remedies = {
  prompt: "Set echo: true to score the prompt, or ask for at least 1.",
  messages: askForMore,
  input: askForMore,
};
