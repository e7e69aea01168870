import { createHash } from "node:crypto";
import { uniform } from "../../core/random.ts";
import type { TokenId, TokenIds } from "../../core/tokens.ts";
import type { LogitAdjustments } from "../../sampling/logit-adjustments.ts";
import type { ExtendRequest } from "../engine.ts";
import type { Asked } from "./server-calls.ts";
import type { DrawCall } from "./dialect.ts";

/** How many of the likeliest tell of log Z and the entropy, where no more are asked for. */
export const usualTop = 20;

/** What a call for the next tokens of an extension depends on. */
export interface LegGround {
  readonly request: ExtendRequest;
  /** After the request's prefix. */
  readonly drawn: TokenIds;
  /** Most likely tokens to report. */
  readonly topCount: number;
  /** Whether the server reports the tokens that it ends with; else it is not told to end. */
  readonly tellsEnds: boolean;
  /** Whether the server counts what a call draws for penalties; else they are biases, a token a call. */
  readonly countsTokens: boolean;
}

/**
 * The next call of an extension: as many of its tokens as can be drawn by terms that do not change on the way. Servers
 * forbid tokens, and count those that penalties are for, by the call: a call that begins within a completion would
 * forget what was drawn before.
 */
export function nextLeg({ request, drawn, topCount, tellsEnds, countsTokens }: LegGround): Asked<DrawCall> {
  const { prefix, maxTokens, endTokens, draws, without: never = [] } = request;
  const { adjustments, ...law } = request.sampling;
  const sequence = [...prefix, ...drawn];
  const terms = adjustments === undefined ? noTerms : termsAt(adjustments, sequence, countsTokens);
  const isFirst = drawn.length === 0;
  return {
    prefix: sequence,
    maxTokens: Math.min(maxTokens - drawn.length, terms.most, isFirst && never.length > 0 ? 1 : Infinity),
    endTokens: tellsEnds ? [...endTokens] : [],
    sampling: terms.adjustments === undefined ? law : { ...law, adjustments: terms.adjustments },
    without: isFirst ? [...never, ...terms.forbidden] : terms.forbidden,
    seed: Math.floor(uniform(draws, "call", sequence.length) * 2 ** 31),
    topCount,
    session: sessionOf(request),
  };
}

/** What a router sends to one replica: all calls of a prompt. */
export function sessionOf({
  prefix,
  promptLength = prefix.length,
}: Pick<ExtendRequest, "prefix" | "promptLength">): string {
  const prompt = Int32Array.from(prefix.slice(0, promptLength));
  return createHash("sha256").update(prompt).digest("hex").slice(0, 32);
}

interface Terms {
  readonly adjustments?: LogitAdjustments | undefined;
  readonly forbidden: TokenIds;
  /** Tokens for which they hold. */
  readonly most: number;
}

const noTerms: Terms = { forbidden: [], most: Infinity };

function termsAt(
  { forbidden, ...adjustments }: LogitAdjustments,
  sequence: TokenIds,
  countsTokens: boolean,
): Terms {
  const { promptLength, frequencyPenalty = 0, presencePenalty = 0 } = adjustments;
  const generated = sequence.length - promptLength;
  const until = forbidden === undefined ? 0 : forbidden.until - generated;
  const isForbidden = forbidden !== undefined && until > 0;
  const terms = { forbidden: isForbidden ? forbidden.tokens : [], most: isForbidden ? until : Infinity };
  const isCounted = generated === 0 && countsTokens;
  if (isCounted || (frequencyPenalty === 0 && presencePenalty === 0)) return { ...terms, adjustments };
  // What they take off is known for the next token, and is a bias.
  const bias = new Map(adjustments.bias);
  for (const [token, count] of countsOf(sequence.slice(promptLength)))
    bias.set(token, (bias.get(token) ?? 0) - frequencyPenalty * count - presencePenalty);
  return {
    ...terms,
    most: 1,
    adjustments: { ...adjustments, bias, frequencyPenalty: 0, presencePenalty: 0 },
  };
}

function countsOf(tokens: TokenIds): ReadonlyMap<TokenId, number> {
  const counts = new Map<TokenId, number>();
  for (const token of tokens) counts.set(token, (counts.get(token) ?? 0) + 1);
  return counts;
}
