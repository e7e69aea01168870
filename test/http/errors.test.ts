import { describe, expect, it } from "vitest";
import { InferenceError, errorCodes } from "../../src/core/errors.ts";
import type { ErrorCode } from "../../src/core/errors.ts";
import { createTestApp, parseEvents } from "../support/embedded.ts";
import { createToyCompleter } from "../support/toy-completer.ts";
import { turn } from "../support/toy-runner.ts";

/** Every documented error, caused. */

type Options = NonNullable<Parameters<typeof createTestApp>[0]>;

interface Fault {
  readonly options?: () => Options | Promise<Options>;
  /** Where it is caused; by a completion when left out. */
  readonly path?: string;
  readonly body?: object;
  readonly status: number;
  /** `x-should-retry`. */
  readonly retry: boolean;
  readonly param?: string;
}

const slow = { prompt: "7-2*3+4=", sampler: "power", mcmc_steps: 1000, max_tokens: 64 };

/** Fails once the first token is there, so that a stream has begun. */
const failing = (error: () => Error) => async (): Promise<Options> => ({
  completer: await createToyCompleter({
    onStep: (batch) => {
      if (batch[0]!.position + batch[0]!.tokens.length > 12) throw error();
    },
  }),
});

const faults: Readonly<Record<Exclude<ErrorCode, "aborted" | "shutting_down">, Fault>> = {
  invalid_request: { body: { temperature: -1 }, status: 400, retry: false, param: "temperature" },
  unsupported: { body: { suffix: "x" }, status: 400, retry: false, param: "suffix" },
  context_length_exceeded: { body: { max_tokens: 500 }, status: 400, retry: false, param: "max_tokens" },
  invalid_api_key: { options: () => ({ apiKeys: ["right"] }), status: 401, retry: false },
  model_not_found: { body: { model: "gpt-4" }, status: 404, retry: false, param: "model" },
  response_not_found: {
    path: "/v1/responses/resp_0/cancel",
    status: 404,
    retry: false,
    param: "response_id",
  },
  previous_response_not_found: {
    path: "/v1/responses",
    body: { input: "1+1=", previous_response_id: "resp_0" },
    status: 400,
    retry: false,
    param: "previous_response_id",
  },
  budget_exhausted: {
    body: { sampler: "exact", alpha: 1000, max_tries: 1 },
    status: 422,
    retry: false,
    param: "max_tries",
  },
  overloaded: {
    options: () => {
      return { requestsPerMinute: 0 };
    },
    status: 429,
    retry: true,
  },
  engine_failed: {
    options: failing(() => new Error("the device is gone")),
    status: 503,
    retry: true,
  },
  deadline_exceeded: {
    options: async () => ({
      completer: await createToyCompleter({ onStep: turn }),
      requestTimeoutMs: 500,
    }),
    body: slow,
    status: 504,
    retry: false,
  },
  numerical_error: {
    options: async () => ({
      completer: await createToyCompleter({ isPoisoned: (prefix) => prefix.length > 12 }),
    }),
    status: 500,
    retry: false,
  },
  internal: {
    options: async () => {
      const completer = await createToyCompleter();
      completer.score = () => Promise.reject(new TypeError("a secret of the implementation"));
      return { completer };
    },
    body: { echo: true, logprobs: 1 },
    status: 500,
    retry: false,
  },
};

describe("errors", () => {
  it.each(Object.entries(faults))("%s", async (code, { options, path, body, status, retry, param }) => {
    await using server = await createTestApp(await options?.());
    const request = path === undefined ? { prompt: "7-2*3+4=", seed: 1, ...body } : body;
    const reply = await server.post(path ?? "/v1/completions", request);
    const { error } = reply.json() as { error: Record<string, unknown> };
    expect({ status: reply.status, retry: reply.headers["x-should-retry"] }).toEqual({
      status,
      retry: String(retry),
    });
    expect(reply.headers["retry-after"] !== undefined).toBe(retry);
    expect(error).toEqual({
      message: expect.stringMatching(/\w{3}.*\.$/s) as unknown,
      type: expect.stringMatching(/_error$/) as unknown,
      code,
      param: param ?? null,
    });
    expect(reply.text).not.toContain("secret");
  });

  it.each(["engine_failed", "deadline_exceeded", "numerical_error", "internal"] as const)(
    "%s in mid-stream arrives as a chunk, then [DONE]",
    async (code) => {
      const { options, body } = faults[code];
      await using server = await createTestApp(await options?.());
      const reply = await server.post("/v1/completions", {
        prompt: "7-2*3+4=",
        seed: 1,
        ...body,
        stream: true,
      });
      expect(reply.status).toBe(200);
      const events = parseEvents(reply.text);
      expect(events.at(-1)).toMatchObject({ error: { code } });
      expect(events.slice(0, -1).every((event) => !("error" in event))).toBe(true);
      expect(reply.text).not.toContain("secret");
    },
  );

  it("shutting_down, for what still runs when the engine is closed", async () => {
    const completer = await createToyCompleter({ onStep: turn });
    const server = await createTestApp({ completer });
    const running = server.post("/v1/completions", slow);
    await expect.poll(async () => (await completer.health()).details?.sequences.open).toBeGreaterThan(0);
    await completer[Symbol.asyncDispose]();
    const reply = await running;
    expect({ status: reply.status, retryAfter: reply.headers["retry-after"] }).toEqual({
      status: 503,
      retryAfter: "1",
    });
    expect(reply.json()).toMatchObject({ error: { code: "shutting_down" } });
    await server.app.close();
  });

  it("covers every code there is; a client that went away sees none", () => {
    expect([...Object.keys(faults), "shutting_down", "aborted"].sort()).toEqual([...errorCodes].sort());
    expect(new InferenceError("aborted", "x")).toBeInstanceOf(Error);
  });
});
