import type { ErrorDescription } from "../core/errors.ts";
import { toErrorResponse } from "./errors.ts";
import { errorResponse } from "./schemas/errors.ts";
import type { ErrorResponse } from "./schemas/errors.ts";

interface Failure {
  readonly status: number;
  /** What the status says. */
  readonly description: string;
  /** Such a failure, as the server tells it. */
  readonly example: ErrorDescription;
}

/** What may go wrong, for those who read openapi.yaml; errors.ts says which error has which status. */
const kinds = {
  badRequest: {
    status: 400,
    description: "What is asked for cannot be: `param` names the field, and the message what to do.",
    example: {
      code: "unsupported",
      message: "Unsupported field 'temprature': it would be ignored, so leave it out or check its spelling.",
      param: "temprature",
    },
  },
  badPath: {
    status: 400,
    description: "The path or its query is not as it should be.",
    example: {
      code: "invalid_request",
      message:
        "The path holds a % that no two hexadecimal digits follow, or bytes that are not UTF-8. Encode it.",
    },
  },
  badHandshake: {
    status: 400,
    description: "The WebSocket's handshake is not as it should be.",
    example: {
      code: "invalid_request",
      message:
        "The WebSocket's handshake is not as it should be: Missing or invalid Sec-WebSocket-Key header.",
    },
  },
  noKey: {
    status: 401,
    description: "The server asks for a key, and there was none that it knows.",
    example: {
      code: "invalid_api_key",
      message:
        "This server wants an API key: send the header `Authorization: Bearer KEY` with one of its keys.",
    },
  },
  noModel: {
    status: 404,
    description: "There is no such model.",
    example: {
      code: "model_not_found",
      message:
        "There is no model 'gpt-4' here. There are: abacus, abacus:power, abacus:standard, abacus:low_temperature, abacus:greedy, abacus:exact, abacus:smc, abacus:maximize, abacus:beam.",
      param: "model",
    },
  },
  noResponse: {
    status: 404,
    description: "There is no such response.",
    example: {
      code: "response_not_found",
      message:
        "There is no response 'resp_0' here: it was never stored, was deleted, has expired, or made room for others.",
      param: "response_id",
    },
  },
  tooLarge: {
    status: 413,
    description: "The body is larger than the server takes.",
    example: {
      code: "invalid_request",
      message: "The body is larger than this server reads. Send less, or raise serve --max-body-mib.",
    },
  },
  noJson: {
    status: 415,
    description: "The body is not JSON by its content-type.",
    example: {
      code: "invalid_request",
      message: "The body must be JSON; send the header `content-type: application/json`.",
    },
  },
  otherHost: {
    status: 421,
    description: "The host that was asked is none of the server's names.",
    example: {
      code: "invalid_request",
      message:
        "This server does not know itself as example.com, and a page of a name that was pointed here could act with its visitor's access. If the name is its own, start the server with --allowed-host example.com (or METROPOLIS_ALLOWED_HOST), or ask it by its address (docs/proxy.md).",
    },
  },
  budgetSpent: {
    status: 422,
    description: "`max_tries` or `max_evaluated_tokens` was spent before there was an answer.",
    example: {
      code: "budget_exhausted",
      message:
        "No exact draw in 1 try: the log of the sum of p(x)^alpha is -841.6 at most. Raise max_tries, lower alpha, ask for a shorter completion, or set fallback to 'power'.",
      param: "max_tries",
    },
  },
  noWebSocket: {
    status: 426,
    description: "This is a WebSocket: the request did not ask for one.",
    example: {
      code: "invalid_request",
      message:
        "/v1/completions/ws speaks WebSocket: connect with ws:// or wss://. docs/api.md shows the messages.",
    },
  },
  full: {
    status: 429,
    description: "The server, or this client's share of it, is full: `retry-after` says when to come again.",
    example: {
      code: "overloaded",
      message: "You may send 60 requests a minute. Try again in 1 minute.",
    },
  },
  fault: {
    status: 500,
    description: "A fault of the server's own, or numbers that are none.",
    example: {
      code: "internal",
      message: "The server failed in an unforeseen way; its log says more.",
    },
  },
  unavailable: {
    status: 503,
    description: "The server shuts down, or its engine failed and is replaced: to be tried again.",
    example: { code: "shutting_down", message: "The server is shutting down." },
  },
  tooLong: {
    status: 504,
    description: "The request took longer than the server allows.",
    example: {
      code: "deadline_exceeded",
      message:
        "The request took longer than this server allows (600 s). Ask for fewer tokens, steps or completions at once.",
    },
  },
} as const satisfies Record<string, Failure>;
type Kind = keyof typeof kinds;

interface Documented {
  readonly description: string;
  readonly content: {
    readonly "application/json": { readonly schema: typeof errorResponse; readonly example: ErrorResponse };
  };
}
type Failures<Given extends Kind> = Readonly<Record<(typeof kinds)[Given]["status"], Documented>>;

const failures = <Given extends Kind>(...given: readonly Given[]): Failures<Given> =>
  Object.fromEntries(
    given.map((kind) => {
      const { status, description, example } = kinds[kind];
      const body = { schema: errorResponse, example: toErrorResponse(example) };
      return [status, { description, content: { "application/json": body } }];
    }),
  ) as Failures<Given>;

const ofAll = ["noKey", "otherHost", "full", "fault"] as const;
const ofBodies = [...ofAll, "badRequest", "noModel", "tooLarge", "noJson", "unavailable", "tooLong"] as const;

/** Of routes that read nothing but their path: of models. */
export const failuresOfModels = failures(...ofAll, "badPath", "noModel");
/** Likewise, of responses. */
export const failuresOfResponses = failures(...ofAll, "badPath", "noResponse");
/** Of routes that speak WebSocket. */
export const failuresOfUpgrades = failures(...ofAll, "badHandshake", "noWebSocket");
/** Of routes that read a body. */
export const failuresOfBodies = failures(...ofBodies);
/** Of routes that answer by the model. */
export const failuresOfAnswers = failures(...ofBodies, "budgetSpent");
