import { errorResponse } from "./schemas/errors.ts";

/** What each status says, for those who read openapi.yaml; errors.ts says which error has which. */
const meanings = {
  400: "What is asked for cannot be: `param` names the field, and the message what to do.",
  401: "The server asks for a key, and there was none that it knows.",
  404: "There is no such model or response.",
  413: "The body is larger than the server takes.",
  415: "The body is not JSON by its content-type.",
  421: "The host that was asked is none of the server's names.",
  422: "`max_evaluated_tokens` was spent before there was an answer.",
  426: "This is a WebSocket: the request did not ask for one.",
  429: "The server, or this client's share of it, is full: `retry-after` says when to come again.",
  500: "A fault of the server's own, or numbers that are none.",
  503: "The server shuts down, or its engine failed and is replaced: to be tried again.",
  504: "The request took longer than the server allows.",
} as const;
type Status = keyof typeof meanings;

const ofAll = [401, 421, 429, 500] as const;
const failure = (status: Status) => ({
  description: meanings[status],
  content: { "application/json": { schema: errorResponse } },
});
type Failures<Given extends Status> = Readonly<Record<Given, ReturnType<typeof failure>>>;

const failures = <Given extends Status>(...statuses: readonly Given[]): Failures<Given> =>
  Object.fromEntries(statuses.map((status) => [status, failure(status)])) as Failures<Given>;

/** Of routes that read nothing but their path. */
export const failuresOfLookups = failures(...ofAll, 400, 404);
/** Of routes that speak WebSocket. */
export const failuresOfUpgrades = failures(...ofAll, 400, 426);
/** Of routes that read a body. */
export const failuresOfBodies = failures(...ofAll, 400, 404, 413, 415, 503, 504);
/** Of routes that answer by the model. */
export const failuresOfAnswers = failures(...ofAll, 400, 404, 413, 415, 422, 503, 504);
