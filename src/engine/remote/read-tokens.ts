import { InferenceError } from "../../core/errors.ts";
import type { ScoredToken, TokenId, TokenIds } from "../../core/tokens.ts";
import type { ExtendRequest } from "../engine.ts";
import { BackOff } from "./back-off.ts";
import type { DrawCall, ReportedToken } from "./dialect.ts";
import type { ServerFacts } from "./facts.ts";
import { nextLeg } from "./legs.ts";
import { garbage } from "./remote-error.ts";
import { isTempered, withinBounds, withinLaw } from "./scored.ts";
import type { Asked, CallFor, ServerCalls } from "./server-calls.ts";

/** Tokens that are scored at once where the server does not report raw log-probs: each time a pass over the prompt. */
const scoredAtOnce = 16;

/** Tokens that a call draws before it is looked whether another has to have its place. */
const turnTokens = 32;

/** What the extensions of an engine share. */
export interface ReadGround {
  readonly calls: ServerCalls;
  readonly facts: Pick<ServerFacts, "logprobs" | "tellsEnds">;
  /** Most likely tokens that are asked for where a request wants fewer. */
  readonly leastTop: number;
  readonly vocabularySize: number;
  /** See `Dialect.countsTokens`. */
  readonly countsTokens: boolean;
}

/**
 * The tokens of an extension from those that were drawn on, call by call: a call that breaks is continued from the last
 * token that came, whatever it was.
 * @throws InferenceError as `Engine.extend`
 */
export async function* readTokens(
  ground: ReadGround,
  request: ExtendRequest,
  { drawn: before, signal }: { readonly drawn: TokenIds; readonly signal: AbortSignal },
): AsyncGenerator<readonly ScoredToken[], void, undefined> {
  const drawn: TokenId[] = [...before];
  const topCount = Math.max(request.topCount, ground.leastTop);
  const { tellsEnds } = ground.facts;
  let backOff: BackOff | undefined;
  while (!isOver(drawn, request)) {
    const leg = nextLeg({ request, drawn, topCount, tellsEnds, countsTokens: ground.countsTokens });
    const hadDrawn = drawn.length;
    let turnAt = hadDrawn + turnTokens;
    try {
      for await (const tokens of drawScored(ground, leg, { request, signal })) {
        yield upToEnd(tokens, drawn, { request, vocabularySize: ground.vocabularySize });
        // A server that knows the end is let finish its answer, so that its connection can be used again.
        if (isOver(drawn, request) && drawn.length - hadDrawn < leg.maxTokens && !tellsEnds) return;
        backOff = undefined;
        if (drawn.length < turnAt) continue;
        turnAt = drawn.length + turnTokens;
        if (ground.calls.isOwed(request.share)) break;
      }
      if (drawn.length === hadDrawn) throw garbage("it ended without a token");
    } catch (error) {
      if (isOver(drawn, request)) return;
      backOff ??= new BackOff(leg.seed);
      await backOff.wait(error, signal);
      ground.calls.countRetry();
    }
  }
}

/** Whether an extension has drawn all that it may. */
export const isOver = (drawn: TokenIds, { maxTokens, endTokens }: ExtendRequest): boolean =>
  drawn.length >= maxTokens || (drawn.length > 0 && endTokens.has(drawn.at(-1)!));

/** Adds tokens to those drawn, to the first that ends the extension: a server that is not told goes on behind it. */
function upToEnd(
  tokens: readonly ScoredToken[],
  drawn: TokenId[],
  { request, vocabularySize }: { readonly request: ExtendRequest; readonly vocabularySize: number },
): readonly ScoredToken[] {
  const taken: ScoredToken[] = [];
  for (const token of tokens) {
    if (isOver(drawn, request)) break;
    if (token.token >= vocabularySize) throw unknownToken(token);
    drawn.push(token.token);
    taken.push(token);
  }
  return taken;
}

const unknownToken = ({ token }: ScoredToken): InferenceError =>
  new InferenceError(
    "numerical_error",
    `The server drew token ${token}, which the tokenizer does not have: --model names the folder of the model that it serves.`,
  );

/** The tokens of one call with raw log-probs. */
async function* drawScored(
  { calls, facts, vocabularySize }: ReadGround,
  leg: Asked<DrawCall>,
  { request, signal }: { readonly request: ExtendRequest; readonly signal: AbortSignal },
): AsyncGenerator<readonly ScoredToken[], void, undefined> {
  const { share, topCount } = request;
  const callFor = { share, signal };
  const told = (token: ScoredToken, { top }: ReportedToken): ScoredToken =>
    topCount === 0
      ? token
      : { ...token, top: { ids: top.ids.slice(0, topCount), logprobs: top.logprobs.slice(0, topCount) } };
  const drawn = calls.draw(leg, callFor);
  if (isRaw(facts.logprobs, leg)) {
    for await (const reported of drawn)
      yield reported.map((token) => told(withinBounds(token, leg.sampling, vocabularySize), token));
    return;
  }
  for await (const { sampled, raw } of scoredByCall(calls, leg, { drawn, callFor })) {
    yield raw.map((token, index) => {
      // A law without some of its tokens is not the one whose log Z is asked for.
      const scored =
        leg.without.length > 0 || facts.logprobs === "adjusted"
          ? withinBounds(token, leg.sampling, vocabularySize)
          : withinLaw(token, leg.sampling, { logQ: sampled[index]!.logprob, vocabularySize });
      return told(scored, token);
    });
  }
}

/** Whether what a server reports of a call's tokens is of the model itself. */
function isRaw(logprobs: ServerFacts["logprobs"], { sampling, without }: Asked<DrawCall>): boolean {
  if (logprobs === "raw") return true;
  if (sampling.adjustments !== undefined || without.length > 0) return false;
  return logprobs === "adjusted" || (sampling.inverseTemperature === 1 && isTempered(sampling));
}

/** Tokens that come with log q, and what a second call scores them: some at a time, and the last of a call that fails. */
async function* scoredByCall(
  calls: ServerCalls,
  leg: Asked<DrawCall>,
  { drawn, callFor }: { readonly drawn: AsyncIterable<readonly ReportedToken[]>; readonly callFor: CallFor },
): AsyncGenerator<
  { readonly sampled: readonly ReportedToken[]; readonly raw: readonly ReportedToken[] },
  void,
  undefined
> {
  const { session, topCount } = leg;
  const tokens = [...leg.prefix];
  const waiting: ReportedToken[] = [];
  const score = async () => {
    const sampled = waiting.splice(0);
    const from = tokens.length;
    for (const { token } of sampled) tokens.push(token);
    return { sampled, raw: await calls.score({ tokens: [...tokens], from, topCount, session }, callFor) };
  };
  try {
    for await (const reported of drawn) {
      waiting.push(...reported);
      if (waiting.length >= scoredAtOnce) yield await score();
    }
  } catch (error) {
    // They stand as drawn, whatever befell the call after them.
    if (waiting.length > 0) yield await score();
    throw error;
  }
  if (waiting.length > 0) yield await score();
}
