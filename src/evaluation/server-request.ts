import { request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import { text } from "node:stream/consumers";
import { z } from "zod";
import { InferenceError } from "../core/errors.ts";
import { pause } from "../core/pause.ts";
import { serverRoot } from "../core/server-root.ts";

export interface ServerAddress {
  /** Without /v1. */
  readonly url: string;
  readonly apiKey: string | undefined;
}

export interface Asking {
  /** Sent as JSON by POST; without one it is a GET. */
  readonly body?: object;
  readonly signal?: AbortSignal;
  /** Times that an overloaded or unreachable server is asked again. */
  readonly retries?: number;
}

const longestPauseSeconds = 30;
/** Too many requests, and what servers and the proxies before them say when they have no room or restart. */
const passing: ReadonlySet<number> = new Set([429, 502, 503, 504]);

const failure = z.object({ error: z.object({ message: z.string(), param: z.string().nullish() }) });
const modelList = z.object({ data: z.array(z.object({ id: z.string() })) });

/** An address as users give it, with or without /v1. @throws InferenceError for what is none */
export function parseAddress(url: string): string {
  if (/^https?:\/\//i.test(url) && URL.canParse(url)) return serverRoot(url);
  throw new InferenceError(
    "invalid_request",
    `--url: '${url}' is no address; give one such as http://127.0.0.1:8000.`,
  );
}

/** What a server that speaks OpenAI's API answers. @throws InferenceError with what the server said */
export async function askServer(
  server: ServerAddress,
  path: string,
  { body, signal, retries = 0 }: Asking = {},
): Promise<unknown> {
  for (let attempt = 0; ; attempt++) {
    const isLast = attempt === retries;
    const reply = await exchange(server, path, { body, signal }).catch((cause: unknown) => {
      signal?.throwIfAborted();
      if (!isLast) return undefined;
      const message = `${server.url} does not answer. Is the server running?`;
      throw new InferenceError("engine_failed", message, { cause });
    });
    if (reply !== undefined && (isLast || !reply.isPassing)) return read(reply);
    const seconds = Math.min(longestPauseSeconds, 2 ** attempt);
    await pause(1000 * Math.max(seconds, reply?.retryAfterSeconds ?? 0), signal);
  }
}

/** The models that a server has, by the names that it takes. @throws InferenceError where it tells none */
export async function listServedModels(server: ServerAddress): Promise<readonly string[]> {
  const parsed = modelList.safeParse(await askServer(server, "/v1/models"));
  if (parsed.success) return parsed.data.data.map(({ id }) => id);
  throw new InferenceError("invalid_request", `${server.url} does not tell its models. Name --served-model.`);
}

interface Reply {
  readonly status: number;
  /** Whether the same request may fare better later. */
  readonly isPassing: boolean;
  readonly retryAfterSeconds: number;
  readonly text: string;
}

/** Not by `fetch`, which gives up on an answer that takes more than five minutes to begin. */
function exchange(
  { url, apiKey }: ServerAddress,
  path: string,
  { body, signal }: { readonly body: object | undefined; readonly signal: AbortSignal | undefined },
): Promise<Reply> {
  const send = /^https:/i.test(url) ? requestHttps : requestHttp;
  const headers = {
    ...(body === undefined ? {} : { "content-type": "application/json" }),
    ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }),
  };
  return new Promise((resolve, reject) => {
    const options = { method: body === undefined ? "GET" : "POST", headers, ...(signal && { signal }) };
    const request = send(url + path, options, (response) => {
      const { statusCode: status = 0, headers: said } = response;
      const retryAfter = Number(said["retry-after"] ?? 0);
      text(response).then((content) => {
        resolve({
          status,
          isPassing: passing.has(status) && said["x-should-retry"] !== "false",
          retryAfterSeconds: Number.isFinite(retryAfter) ? retryAfter : 0,
          text: content,
        });
      }, reject);
    });
    request.once("error", reject);
    request.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

function read({ status, text: content }: Reply): unknown {
  let json: unknown;
  try {
    json = JSON.parse(content);
  } catch {
    json = undefined;
  }
  const isFine = status >= 200 && status < 300;
  if (isFine && json !== undefined) return json;
  const said = failure.safeParse(json);
  const message = isFine
    ? "The server's answer is no JSON. Does --url lead to an OpenAI-compatible server?"
    : `The server refused: ${said.success ? said.data.error.message : `status ${status}`}`;
  const param = said.data?.error.param;
  throw new InferenceError("invalid_request", message, typeof param === "string" ? { param } : {});
}
