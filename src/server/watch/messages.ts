import { z } from "zod";
import { body } from "../schemas/body.ts";
import { listed } from "../schemas/lists.ts";
import { completionRequest, completionResponse } from "../schemas/completions.ts";
import { errorResponse } from "../schemas/errors.ts";
import { votes } from "../schemas/selection.ts";
import { eventNames } from "./protocol.ts";
import type { EventName } from "./protocol.ts";

export const requestId = z
  .string({ error: "id must be a string of 1 to 256 characters, chosen by you" })
  .min(1, "id must not be empty")
  .max(256, "id must be a string of 1 to 256 characters");

const unstreamed = "has no meaning on a WebSocket, whose events come as they happen; leave it out";

/** The body of POST /v1/completions, with an id. */
export const completeMessage = completionRequest.extend({
  type: z.literal("complete").optional(),
  id: requestId,
  events: listed(z.enum(eventNames, { error: `events must be some of ${eventNames.join(", ")}` })).nullish(),
  stream: z.literal(false, { error: `stream ${unstreamed}` }).nullish(),
  stream_options: z.null({ error: `stream_options ${unstreamed}` }).optional(),
});

export const cancelMessage = body({ type: z.literal("cancel"), id: requestId });

const count = z.number().int().nonnegative();

const watchedToken = z.strictObject({
  id: count,
  from_char: count.meta({ description: "Where its text begins in the choice's text, code points." }),
  logprob: z
    .number()
    .nullable()
    .meta({ description: "log p, nats; null for echoed tokens that were not scored." }),
  entropy: z.number().nullable().meta({
    description: "Of the raw next-token distribution, nats; a lower bound where `entropy_upper` is there.",
  }),
  entropy_upper: z.number().optional().meta({
    description: "The upper bound, where the model's engine knows the entropy within bounds alone.",
  }),
  top_logprobs: z
    .array(z.strictObject({ token: z.string(), logprob: z.number() }))
    .optional()
    .meta({ description: "With `logprobs`: the k likeliest in its place, raw log p, nats." }),
});

const choice = { id: requestId, index: count };
const step = { ...choice, block: count, step: count };
const replaced = {
  from_char: count,
  text: z.string(),
  tokens: z.array(watchedToken),
};

/** What the server sends. Everything is about the request named by `id`; `index` names its choice. */
export const watchEvent = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("accepted"),
    id: requestId,
    model: z.string(),
    sampler: z.string(),
    seed: z.number().int(),
    choices: count,
    prompt_tokens: count,
    max_tokens: count,
  }),
  z.strictObject({
    type: z.literal("block"),
    ...choice,
    block: count,
    blocks: count,
    horizon: count,
    steps: count,
  }),
  z.strictObject({
    type: z.literal("proposal"),
    ...step,
    cut: count,
    ...replaced,
    log_ratio: z.number(),
  }),
  z.strictObject({
    type: z.literal("decision"),
    ...step,
    outcome: z.enum(["accepted", "rejected", "rejected_early", "unchanged"]),
    probability: z.number(),
    swapped: z.boolean(),
    logprob: z.number(),
  }),
  z.strictObject({
    type: z.literal("revision"),
    ...step,
    from_token: count,
    ...replaced,
    logprob: z.number(),
  }),
  z.strictObject({
    type: z.literal("token"),
    ...choice,
    text: z.string(),
    tokens: z.array(watchedToken),
  }),
  z.strictObject({
    type: z.literal("progress"),
    ...step,
    blocks: count,
    steps: count,
    moved: count,
    unchanged: count,
    rejected: count,
    rejected_early: count,
    acceptance: z.number(),
    drafted_tokens: count.optional(),
    horizon: count.optional(),
  }),
  z.strictObject({ type: z.literal("votes"), id: requestId, votes }),
  z.strictObject({ type: z.literal("done"), id: requestId, response: completionResponse }),
  z.strictObject({
    type: z.literal("error"),
    /** null where the message at fault names no request. */
    id: requestId.nullable(),
    error: errorResponse.shape.error,
  }),
]);

export type CompleteMessage = z.output<typeof completeMessage>;
export type CancelMessage = z.output<typeof cancelMessage>;
export type WatchEvent = z.output<typeof watchEvent>;
export type WatchedToken = z.output<typeof watchedToken>;
export type EventOf<Name extends EventName> = Extract<WatchEvent, { type: Name }>;
