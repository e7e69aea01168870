import { z } from "zod";
import { count, described } from "../../samplers/described.ts";

const milliseconds = described(z.number(), "What it takes, ms; 0 while nothing is known.", 1.4);

/** A name of before /health spoke snake_case. */
const former = <Schema extends z.ZodType>(schema: Schema, name: string, example: unknown) =>
  described(
    schema.optional(),
    `The same as ${name}; the former name remains for compatibility.`,
    example,
  ).meta({ deprecated: true });

const prefixStore = { bytes: 1_048_576, max_bytes: 268_435_456, hit_tokens: 900, query_tokens: 1000 };
const passTimes = z.object({
  decode: described(
    z.array(z.object({ rows: count("Rows of the pass.", 16), ms: milliseconds })),
    "Passes with one token in each row, by rows.",
    [{ rows: 16, ms: 1.4 }],
  ),
  prefill: described(
    z.array(z.object({ tokens: count("Tokens of the chunk.", 64), ms: milliseconds })),
    "Passes with a chunk of one prompt, by tokens; empty where prompts run token by token.",
    [{ tokens: 64, ms: 3.2 }],
  ),
});
const passTimesExample = { decode: [{ rows: 16, ms: 1.4 }], prefill: [{ tokens: 64, ms: 3.2 }] };

/** What an engine in the server's own process says beside; absent for one elsewhere. */
const localDetails = {
  lanes: described(
    z.object({ total: count("Lanes there are.", 16), leased: count("Lanes in use.", 3) }),
    "Rows of the live cache, one for each sequence that runs.",
    { total: 16, leased: 3 },
  ),
  sequences: described(
    z.object({
      open: count("Sequences open.", 3),
      waiting: count("Those that wait for a lane, or for a call to the server that runs the model.", 0),
    }),
    "Token sequences being extended or scored.",
    { open: 3, waiting: 0 },
  ),
  prefix_store: described(
    z.object({
      bytes: count("Bytes held.", prefixStore.bytes),
      max_bytes: count("Its budget, bytes.", prefixStore.max_bytes),
      hit_tokens: count("Prefix tokens found in it since the start.", prefixStore.hit_tokens),
      query_tokens: count("Prefix tokens looked for since the start.", prefixStore.query_tokens),
    }),
    "K/V of prefixes of finished sequences.",
    prefixStore,
  ),
  passes: count("Forward passes run since the start.", 4000),
  compute: described(
    z.enum(["int8", "fp16", "fp32"]),
    "What products with weights are computed in. int8: activations are rounded to 8 bits as well, and log-probs of the same tokens differ from time to time (`reproducibility` of the model). `--int4-compute` chooses for weights in blocks of 4 or 8 bits.",
    "fp32",
  ),
  speculation: described(
    z.object({
      draft_tokens: count("Tokens tried ahead since the start.", 900),
      accepted_tokens: count("Those of them that were drawn.", 600),
    }),
    "Tokens that a lone sequence tried in the passes of those before them, as foretold by what was said earlier.",
    { draft_tokens: 900, accepted_tokens: 600 },
  ),
  preemptions: count("Times that a sequence gave its lane up to another request.", 2),
  pass_times: described(
    passTimes,
    "What forward passes take: measured at the start, and averaged since over the passes that were run.",
    passTimesExample,
  ),
};

const remoteTotals = {
  calls: 4000,
  retries: 2,
  aborts: 900,
  refinements: 12,
  drawn_tokens: 90_000,
  prompt_tokens: 1_200_000,
  cached_tokens: 1_150_000,
  call_ms: 800_000,
};
const tokenTimes = [{ calls: 16, ms: 12.5 }];
const remoteServer = { dialect: "vllm", url: "http://gpu-1:8000", model: "Qwen/Qwen3-8B" };

/** What an engine says whose model a server elsewhere runs; absent for one in the server's own process. */
const remote = described(
  z.object({
    server: described(
      z.object({
        dialect: described(z.string(), "How it is spoken to: --engine.", remoteServer.dialect),
        url: described(z.string(), "Where it is: --engine-url.", remoteServer.url),
        model: described(z.string(), "What it calls the model.", remoteServer.model),
      }),
      "The server that runs the model.",
      remoteServer,
    ),
    calls: described(
      z.object({
        open: count("Calls under way.", 40),
        most: count("The most that may be: --engine-calls.", 64),
      }),
      "Calls to it.",
      { open: 40, most: 64 },
    ),
    totals: described(
      z.object({
        calls: count("Calls made.", remoteTotals.calls),
        retries: count(
          "Calls made again, or continued from the last token that came, after the server or the network failed.",
          remoteTotals.retries,
        ),
        aborts: count(
          "Calls ended before the server was through: of proposals rejected early, of clients that left.",
          remoteTotals.aborts,
        ),
        refinements: count(
          "Calls for more of the likeliest tokens, where what was known left a decision open.",
          remoteTotals.refinements,
        ),
        drawn_tokens: count("Tokens that it drew.", remoteTotals.drawn_tokens),
        prompt_tokens: count("Tokens of the prompts that calls carried.", remoteTotals.prompt_tokens),
        cached_tokens: count(
          "Those of them that it had cached; 0 where it does not tell.",
          remoteTotals.cached_tokens,
        ),
        call_ms: described(
          z.number(),
          "What calls took, ms, from the first byte sent to the end; of calls side by side each counts.",
          remoteTotals.call_ms,
        ),
      }),
      "Since the start.",
      remoteTotals,
    ),
    token_times: described(
      z.array(z.object({ calls: count("Calls under way.", 16), ms: milliseconds })),
      "From one token of a stream to the next, by calls under way.",
      tokenTimes,
    ),
  }),
  "The server that runs the model, where one elsewhere does.",
  {
    server: remoteServer,
    calls: { open: 40, most: 64 },
    totals: remoteTotals,
    token_times: tokenTimes,
  },
);

/** Names that the engine's own types once gave to the wire. */
const formerNames = {
  prefixStore: former(
    z.object({
      bytes: count("Bytes held.", prefixStore.bytes),
      maxBytes: count("The same as max_bytes.", prefixStore.max_bytes),
      hitTokens: count("The same as hit_tokens.", prefixStore.hit_tokens),
      queryTokens: count("The same as query_tokens.", prefixStore.query_tokens),
    }),
    "prefix_store",
    { bytes: 1_048_576, maxBytes: 268_435_456, hitTokens: 900, queryTokens: 1000 },
  ),
  evaluatedTokens: former(z.number().int(), "evaluated_tokens", 12_000),
  passTimes: former(passTimes, "pass_times", passTimesExample),
};

export const healthResponse = z
  .object({
    status: described(z.enum(["ok", "failed"]), "Whether the engine answers requests.", "ok"),
    reason: described(z.string().optional(), "Why it failed.", "The engine is shutting down."),
    started_at: described(
      z.number().int(),
      "When the server started: another time is another server. Unix time, seconds.",
      1_764_000_000,
    ),
    evaluated_tokens: count("Tokens run through the model since the start.", 12_000),
    memo: described(
      z
        .object({
          bytes: count("Bytes held.", 524_288),
          max_bytes: count("Its budget, bytes.", 268_435_456),
          maxBytes: former(z.number().int(), "max_bytes", 268_435_456),
          prompts: count("Prompts, at one proposal temperature each, that something is remembered of.", 12),
        })
        .optional(),
      "What chains remember of visited prefixes; absent with --no-memo.",
      { bytes: 524_288, max_bytes: 268_435_456, prompts: 12 },
    ),
    ...z.object(localDetails).partial().shape,
    remote: remote.optional(),
    ...formerNames,
  })
  .meta({ id: "HealthResponse" });

export type HealthResponse = z.output<typeof healthResponse>;

export const versionResponse = z
  .object({ version: described(z.string(), "The server's version.", "0.1.0") })
  .meta({ id: "VersionResponse" });
