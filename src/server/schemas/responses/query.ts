import { z } from "zod";
import { described } from "../../../samplers/described.ts";
import { body } from "../body.ts";
import { harmless } from "../unoffered.ts";
import { logprobsIncluded } from "./request.ts";

export const responseId = described(
  z.string(),
  "The response's id.",
  "resp_0f8e2c5d9b7a4e31a6d4c2b1f0e9d8c7",
);

/** A whole number, as a query has it. */
const integer = (least: number, most: number, error: string) =>
  z
    .string()
    .regex(/^\d{1,15}$/, error)
    .transform(Number)
    .refine((value) => value >= least && value <= most, { error });

const included = z.literal(logprobsIncluded, { error: `there is ${logprobsIncluded}` });
const include = z.union([included, z.array(included)], {
  error: `include: there is ${logprobsIncluded}`,
});

/** No examples of what only some responses can answer: /docs would send them with every id. */
export const retrieveQuery = body({
  stream: described(
    z.enum(["true", "false"], { error: "stream must be true or false" }).optional(),
    "Send it as events, those that were sent, and those to come: of a response that was created with stream.",
  ),
  starting_after: described(
    integer(0, Number.MAX_SAFE_INTEGER, "starting_after must be the number of an event").optional(),
    "With stream: the number of the last event that was received.",
  ),
  include: described(
    include.optional(),
    `${logprobsIncluded}: log-probs are there where they were when it was created.`,
  ),
  "include[]": described(include.optional(), "The same, as SDKs write lists."),
  include_obfuscation: harmless("false"),
});

const mostItems = 100;
export const usualItems = 20;

export const itemsQuery = body({
  limit: described(
    integer(1, mostItems, `limit must be a whole number from 1 to ${mostItems}`).optional(),
    `Most items of a page. Default: ${usualItems}.`,
    "20",
  ),
  order: described(
    z.enum(["asc", "desc"], { error: "order must be asc or desc" }).optional(),
    "The newest first, `desc`, as is the default; or the oldest.",
    "asc",
  ),
  after: described(z.string().optional(), "The id of the item before the page."),
});

export type ItemsQuery = z.output<typeof itemsQuery>;
