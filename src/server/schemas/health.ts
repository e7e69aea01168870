import { z } from "zod";
import { described } from "../../samplers/described.ts";

const milliseconds = described(z.number(), "What it takes, ms; 0 while nothing is known.", 1.4);
const count = (description: string, example: number) => described(z.number().int(), description, example);

export const healthResponse = z
  .object({
    status: described(z.enum(["ok", "failed"]), "Whether the engine answers requests.", "ok"),
    reason: described(z.string().optional(), "Why it failed.", "The engine is shutting down."),
    lanes: described(
      z.object({ total: count("Lanes there are.", 16), leased: count("Lanes in use.", 3) }),
      "Rows of the live cache, one for each sequence that runs.",
      { total: 16, leased: 3 },
    ),
    sequences: described(
      z.object({ open: count("Sequences open.", 3), waiting: count("Those that wait for a lane.", 0) }),
      "Token sequences being extended or scored.",
      { open: 3, waiting: 0 },
    ),
    prefixStore: described(
      z.object({
        bytes: count("Bytes held.", 1_048_576),
        maxBytes: count("Its budget, bytes.", 268_435_456),
        hitTokens: count("Prefix tokens found in it since the start.", 900),
        queryTokens: count("Prefix tokens looked for since the start.", 1000),
      }),
      "K/V of prefixes of finished sequences.",
      { bytes: 1_048_576, maxBytes: 268_435_456, hitTokens: 900, queryTokens: 1000 },
    ),
    memo: described(
      z
        .object({
          bytes: count("Bytes held.", 524_288),
          maxBytes: count("Its budget, bytes.", 268_435_456),
          prompts: count("Prompts, at one proposal temperature each, that something is remembered of.", 12),
        })
        .optional(),
      "What chains remember of visited prefixes; absent with --no-memo.",
      { bytes: 524_288, maxBytes: 268_435_456, prompts: 12 },
    ),
    evaluatedTokens: count("Tokens run through the model since the start.", 12_000),
    passes: count("Forward passes run since the start.", 4000),
    preemptions: count("Times that a sequence gave its lane up to another request.", 2),
    passTimes: described(
      z.object({
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
      }),
      "What forward passes take: measured at the start, and averaged since over the passes that were run.",
      { decode: [{ rows: 16, ms: 1.4 }], prefill: [{ tokens: 64, ms: 3.2 }] },
    ),
  })
  .meta({ id: "HealthResponse" });

export const versionResponse = z
  .object({ version: described(z.string(), "The server's version.", "0.1.0") })
  .meta({ id: "VersionResponse" });
