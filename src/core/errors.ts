/** Why a request failed, in the server's own words; HTTP statuses are the server's business. */
export const errorCodes = [
  "invalid_request",
  "unsupported",
  "context_length_exceeded",
  "invalid_api_key",
  "model_not_found",
  "response_not_found",
  "previous_response_not_found",
  "budget_exhausted",
  "overloaded",
  "shutting_down",
  "engine_failed",
  "deadline_exceeded",
  "numerical_error",
  "aborted",
  "internal",
] as const;
export type ErrorCode = (typeof errorCodes)[number];

/** An error as data: what crosses a thread or a socket. */
export interface ErrorDescription {
  readonly code: ErrorCode;
  /** Says what is wrong and what to do about it. */
  readonly message: string;
  /** The request field at fault. */
  readonly param?: string;
}

export class InferenceError extends Error {
  readonly code: ErrorCode;
  readonly param: string | undefined;

  constructor(code: ErrorCode, message: string, details: { param?: string; cause?: unknown } = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = "InferenceError";
    this.code = code;
    this.param = details.param;
  }
}

/** What ends work whose signal was aborted. */
export const cancelled = (): InferenceError => new InferenceError("aborted", "The request was cancelled.");

/** What is told of work that the server's end leaves undone. */
export const shuttingDown = (): InferenceError =>
  new InferenceError("shutting_down", "The server is shutting down.");

/** What a caller whose signal was aborted is told: the reason it gave, where that is ours to tell. */
export const whyAborted = ({ reason }: AbortSignal): InferenceError =>
  reason instanceof InferenceError ? reason : cancelled();

/**
 * For what an engine lacks.
 * @param param what a client's request calls it
 * @param what it cannot do, after "cannot"
 */
export const beyondEngine = (param: string, what: string): InferenceError =>
  new InferenceError(
    "unsupported",
    `The engine of this model cannot ${what}. Change ${param}, or leave it out.`,
    { param },
  );

/** @param param what a client's request calls it */
export const tooManyAlternatives = (param: string, asked: number, most: number): InferenceError =>
  beyondEngine(param, `report ${asked} of the likeliest tokens, but ${most} at most`);

/** What does not fit into a model's context: by the names that a client's request has for it. */
export interface Excess {
  readonly promptField: "prompt" | "messages" | "input" | "content";
  /** max_tokens when left out. */
  readonly lengthField?: string;
  /** Tokens of the prompt; at least so many, where it was not worth tokenising. */
  readonly prompt: number;
  /** Tokens asked for. */
  readonly completion: number;
  /** The field at fault; the prompt's when left out. */
  readonly param?: string;
}

/** For more tokens than a context holds. The first words are OpenAI's: LiteLLM and others know the error by them. */
export function beyondContext(
  maxLength: number,
  { promptField, lengthField = "max_tokens", prompt, completion, param = promptField }: Excess,
): InferenceError {
  const room = maxLength - prompt;
  const remedy = room < 1 ? "" : ` Set ${lengthField} to ${room} at most, or leave it out.`;
  return new InferenceError(
    "context_length_exceeded",
    `This model's maximum context length is ${maxLength} tokens. However, you requested ${prompt + completion} tokens (${prompt} in the ${promptField}, ${completion} in the completion). Please reduce the length of the ${promptField} or completion.${remedy}`,
    { param },
  );
}

/** Turns anything thrown into data; what is not an `InferenceError` becomes `internal`. */
export function toErrorDescription(error: unknown): ErrorDescription {
  if (error instanceof InferenceError) {
    const { code, message, param } = error;
    return param === undefined ? { code, message } : { code, message, param };
  }
  return { code: "internal", message: error instanceof Error ? error.message : String(error) };
}

export function fromErrorDescription({ code, message, param }: ErrorDescription): InferenceError {
  return new InferenceError(code, message, param === undefined ? {} : { param });
}
