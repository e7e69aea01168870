import type { FastifyError, FastifyReply, FastifyRequest } from "fastify";
import { hasZodFastifySchemaValidationErrors } from "fastify-type-provider-zod";
import type { z } from "zod";
import { clip } from "../core/clip.ts";
import { InferenceError, toErrorDescription } from "../core/errors.ts";
import type { ErrorCode, ErrorDescription } from "../core/errors.ts";
import { targetPath } from "./request-log.ts";
import { readUnknown } from "./schemas/body.ts";
import type { ErrorResponse } from "./schemas/errors.ts";

interface HttpError {
  readonly status: number;
  readonly type: string;
  /** SDKs retry 408, 409, 429 and 5xx by themselves; this says whether that can help. */
  readonly retry: boolean;
}

const request = (status: number): HttpError => ({ status, type: "invalid_request_error", retry: false });

/** With `refusals`, the one place where an error becomes an HTTP status. */
const httpErrors = {
  invalid_request: request(400),
  unsupported: request(400),
  context_length_exceeded: request(400),
  invalid_api_key: request(401),
  model_not_found: request(404),
  response_not_found: request(404),
  // As OpenAI has it.
  previous_response_not_found: request(400),
  budget_exhausted: request(422),
  overloaded: { status: 429, type: "rate_limit_error", retry: true },
  shutting_down: { status: 503, type: "server_error", retry: true },
  engine_failed: { status: 503, type: "server_error", retry: true },
  deadline_exceeded: { status: 504, type: "server_error", retry: false },
  numerical_error: { status: 500, type: "server_error", retry: false },
  aborted: { status: 499, type: "invalid_request_error", retry: false },
  internal: { status: 500, type: "server_error", retry: false },
} as const satisfies Record<ErrorCode, HttpError>;

/** Characters of a path, be it to a route or to a field. */
const longestPath = 256;

/** Refusals of the server itself, before any request body: what HTTP tells apart from 400. */
const refusals = {
  malformed: 400,
  foreignOrigin: 403,
  unknownRoute: 404,
  wrongMethod: 405,
  tooLarge: 413,
  unreadable: 415,
  misdirected: 421,
  upgradeRequired: 426,
} as const;

export type Refusal = InferenceError & { readonly statusCode: number };

/** `invalid_request` with a status of its own. */
export function refusal(kind: keyof typeof refusals, message: string, param?: string): Refusal {
  const error = new InferenceError("invalid_request", message, param === undefined ? {} : { param });
  return Object.assign(error, { statusCode: refusals[kind] });
}

/**
 * @param target path and query
 * @param methods those that the path takes; none where there is no such path
 */
export function wrongRoute(method: string, target: string, methods: readonly string[]): Refusal {
  const path = clip(targetPath(target), longestPath);
  return methods.length === 0
    ? refusal("unknownRoute", `There is no ${method} ${path}. The routes are listed in openapi.yaml.`)
    : refusal("wrongMethod", `${path} does not take ${method}. It takes ${methods.join(", ")}.`);
}

/** Seconds after which a client may well try again. */
const retryAfterSeconds = 1;

/** Characters of an error's message at most: more of them could only be the client's own. */
const longestMessage = 2000;

export function toErrorResponse({ code, message, param }: ErrorDescription): ErrorResponse {
  const { type } = httpErrors[code];
  return {
    error: {
      message: clip(message, longestMessage),
      type,
      param: param === undefined ? null : clip(param, longestPath),
      code,
    },
  };
}

/** For operators: what is wrong with the server, not what is with requests, nor that it was told to end. */
export function logFailure({ log }: FastifyRequest, error: unknown, message: string): void {
  const { code } = describeError(error);
  if (code === "shutting_down") log.info(message);
  else if (httpErrors[code].status >= 500 || isOutOfDescriptors(error)) log.error({ err: error }, message);
}

/** Answers every failure in OpenAI's error shape, without a stack trace. */
export function answerError(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const description = describeError(error);
  const { status, retry } = httpErrors[description.code];
  const statusCode =
    description.code === "invalid_request" && isClientError(error) ? error.statusCode : status;
  logFailure(request, error, description.message);
  void reply.headers({ "x-request-id": request.id, "x-should-retry": String(retry) });
  // A limit that knows better when has said so already.
  if (retry && !reply.hasHeader("retry-after")) void reply.header("retry-after", String(retryAfterSeconds));
  return reply.status(statusCode).send(toErrorResponse(description));
}

/** Fastify's own refusals (unreadable JSON, body too large, wrong media type) keep their 4xx status. */
const isClientError = (error: unknown): error is { statusCode: number } => {
  const { statusCode } = error as Partial<FastifyError>;
  return statusCode !== undefined && statusCode >= 400 && statusCode < 500;
};

/** What Fastify's own refusals mean to a client. */
const fastifyRefusals: Readonly<Record<string, string>> = {
  FST_ERR_CTP_INVALID_MEDIA_TYPE: "The body must be JSON; send the header `content-type: application/json`.",
  FST_ERR_CTP_BODY_TOO_LARGE:
    "The body is larger than this server reads. Send less, or raise serve --max-body-mib.",
  FST_ERR_BAD_URL:
    "The path holds a % that no two hexadecimal digits follow, or bytes that are not UTF-8. Encode it.",
};

export const sentence = (text: string): string => (text.endsWith(".") ? text : `${text}.`);

/** Whether the system has no descriptor left for this process, or for any. */
export const isOutOfDescriptors = (error: unknown): boolean =>
  error instanceof Error && "code" in error && (error.code === "EMFILE" || error.code === "ENFILE");

/** What a client may know of anything thrown: unforeseen errors stay in the log. */
export function describeError(error: unknown): ErrorDescription {
  if (hasZodFastifySchemaValidationErrors(error)) return describeValidation(error.validation);
  if (error instanceof InferenceError) return toErrorDescription(error);
  if (isOutOfDescriptors(error)) {
    return {
      code: "overloaded",
      message:
        "The server has as many files and connections open as it may. Try again; its operator may raise the limit (ulimit -n).",
    };
  }
  const { code, message = "" } = error as Partial<FastifyError>;
  const words = code === undefined ? undefined : fastifyRefusals[code];
  if (words !== undefined) return { code: "invalid_request", message: words };
  if (isClientError(error)) return { code: "invalid_request", message: sentence(message) };
  return { code: "internal", message: "The server failed in an unforeseen way; its log says more." };
}

/** Unknown fields that an error names. */
const mostNamed = 8;

/** What a client is told of a body that does not fit its schema. */
export function describeIssues(issues: readonly z.core.$ZodIssue[]): ErrorDescription {
  return describeValidation(
    issues.map(({ code, path, message, ...params }) => ({
      keyword: code,
      instancePath: `/${path.join("/")}`,
      message,
      params,
    })),
  );
}

interface ValidationIssue {
  readonly keyword: string;
  readonly instancePath: string;
  readonly message?: string | undefined;
  readonly params: Readonly<Record<string, unknown>>;
}

function describeValidation(issues: readonly ValidationIssue[]): ErrorDescription {
  const unknown = issues.filter(({ message }) => readUnknown(message) !== undefined);
  if (unknown.length > 0) {
    const named = unknown.slice(0, mostNamed);
    const names = named.map((issue) => pathOf(issue).join("."));
    const others = unknown.length > mostNamed ? ` and ${unknown.length - mostNamed} more` : "";
    const fields = names.map((name) => `'${clip(name)}'`).join(", ") + others;
    const ours = named.map(({ message }) => readUnknown(message)).filter((words) => words !== "");
    const advice = ours.length === 0 ? "" : ` Here ${ours.join(", ")}.`;
    return {
      code: "unsupported",
      message: `Unsupported field ${fields}: it would be ignored, so leave it out or check its spelling.${advice}`,
      param: names[0]!,
    };
  }
  const issue = issues[0];
  const path = issue === undefined ? [] : pathOf(issue);
  const param = path.join(".");
  const message = issue?.message ?? "is not valid";
  const code = isRefusal(issue) ? "unsupported" : "invalid_request";
  if (param === "")
    return { code: "invalid_request", message: `The body is not as expected: ${sentence(message)}` };
  return {
    code,
    message: message.startsWith(path[0]!) ? `${message}.` : `${clip(param)}: ${message}.`,
    param,
  };
}

const pathOf = ({ instancePath }: ValidationIssue): string[] =>
  instancePath.split("/").filter((part) => part !== "");

/** Whether a field was refused for what it asks, not for its form. */
const isRefusal = (issue: ValidationIssue | undefined): boolean =>
  (issue?.params.params as { code?: string } | undefined)?.code === "unsupported";
