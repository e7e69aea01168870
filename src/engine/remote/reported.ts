import { InferenceError } from "../../core/errors.ts";
import type { TokenId, TopTokens } from "../../core/tokens.ts";
import type { ReportedToken } from "./dialect.ts";

/** A token with its log-prob, as it came: `null` is what JSON makes of NaN and of infinities. */
export type Entry = readonly [id: TokenId, logprob: number | null];

/** What servers write for −∞, which JSON does not have. */
const writtenInfinity = -9999;
/** Of a log-prob in half precision, nats: what is above is none. */
const rounding = 1e-2;
/** Of some tokens together, in any precision. */
const mostMass = 1.05;

/**
 * A token beside the likeliest, which servers report in any order, some twice, and with the token itself among them
 * whether it is one of them or not.
 * @throws InferenceError `numerical_error` for a log-prob of the token that can be none
 */
export function reportToken(
  [token, logprob]: Entry,
  entries: Iterable<Entry>,
  topCount: number,
): ReportedToken {
  if (!Number.isSafeInteger(token) || token < 0) throw noLogprob(`a token ${token}`);
  const known = numberOf(logprob);
  if (known === undefined || known === -Infinity)
    throw noLogprob(`log-prob ${logprob} of the token ${token} that it drew`);
  const top = likeliestOf(withOne(entries, [token, known]), topCount);
  const beyond = top.ids.includes(token) ? 0 : Math.exp(known);
  const mass = top.logprobs.reduce((sum, its) => sum + Math.exp(its), beyond);
  if (mass > mostMass) throw noLogprob(`tokens that have ${mass.toFixed(2)} of 1 together`);
  return { token, logprob: known, top };
}

/** A token has one log-prob: where servers repeat it among the likeliest, that is the same. */
function* withOne(entries: Iterable<Entry>, drawn: Entry): Generator<Entry> {
  for (const entry of entries) yield entry[0] === drawn[0] ? drawn : entry;
}

/** The `count` likeliest, most likely first, ties by lower id, each once. */
function likeliestOf(entries: Iterable<Entry>, count: number): TopTokens {
  const byId = new Map<TokenId, number>();
  for (const [id, logprob] of entries) {
    const known = numberOf(logprob);
    // Nothing is known of a token without a number; those behind it are no likelier than those before it.
    if (known !== undefined && Number.isSafeInteger(id) && id >= 0) byId.set(id, known);
  }
  const sorted = [...byId].sort(([id, logprob], [other, its]) => its - logprob || id - other).slice(0, count);
  return {
    ids: Int32Array.from(sorted, ([id]) => id),
    logprobs: Float64Array.from(sorted, ([, logprob]) => logprob),
  };
}

/** @throws InferenceError `numerical_error` for what is no log-prob at all */
function numberOf(logprob: number | null): number | undefined {
  if (logprob === null) return undefined;
  if (typeof logprob !== "number" || Number.isNaN(logprob) || logprob > rounding)
    throw noLogprob(`log-prob ${logprob}`);
  return logprob <= writtenInfinity ? -Infinity : Math.min(0, logprob);
}

const noLogprob = (what: string): InferenceError =>
  new InferenceError(
    "numerical_error",
    `The server that runs the model reports ${what}, which can be none. Its log tells more; restart it where it goes on.`,
  );
