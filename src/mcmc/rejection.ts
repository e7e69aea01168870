/**
 * Independent exact draws from p^α by rejection. With q_t ∝ p_t^α and Z_t = Σ_v p_t(v)^α ≤ 1 for α ≥ 1,
 *
 *     q(x) · Π Z_t = p(x)^α,   so x from q is accepted with probability Π Z_t
 *
 * Under an envelope (envelope.ts) a try walks to a frontier of the visited prefixes, and goes on from there by q: it is
 * accepted when u < Π Z_t over what is beyond. u is drawn before, and the product only falls, so a try ends as soon as
 * it is no more than u. A try with the bound U at the root accepts x with probability p(x)^α / U, whatever the envelope
 * has learned: so the accepted x has the law p^α, whichever try it is, and is independent of all tries before it. The
 * bounds are lowered between tries alone. Whether another try begins may depend on those before it, not on itself: a
 * budget that ended one amid its tokens would favour short completions.
 *
 * With U_i the bounds of the tries up to the accepted one, E[Σ 1/U_i] = 1 / Σ_x p(x)^α (Wald: each try accepts with
 * probability Σ p^α / U_i, and one is accepted in the end).
 *
 * Source: von Neumann, "Various techniques used in connection with random digits", 1951.
 */
import type { DrawCost } from "../core/draw-cost.ts";
import { logSumExp } from "../core/log-sum-exp.ts";
import type { TokenStream } from "../core/token-stream.ts";
import { isComplete } from "./completion.ts";
import type { Completion, CompletionToken } from "./completion.ts";
import { accepts } from "./decide.ts";
import type { Envelope, Frontier } from "./envelope.ts";

/** The uniforms that decide a try. The tokens beyond the frontier are drawn by uniforms of their own. */
export interface TryDraws {
  readonly accept: number;
  /** Chooses the token at a position on the way to the frontier. */
  readonly select: (position: number) => number;
}

export interface TrySource {
  readonly horizon: number;
  /**
   * Draws tokens of q from the frontier on, until an absorbing token or the horizon. A stream that ends before that says
   * that the server ends it.
   */
  readonly extend: (frontier: Frontier) => TokenStream<CompletionToken>;
}

export interface Try {
  /** As far as it was drawn. */
  readonly completion: Completion;
  readonly outcome: "accepted" | "rejected" | "rejected_early";
  /** log Π Z_t beyond the frontier, nats; of an early rejection the upper bound that fell to log u. */
  readonly logRatio: number;
}

/** Makes one try under an envelope, which stays as it is; `undefined` where the stream ended before it should. */
export async function tryOnce(
  envelope: Envelope,
  { accept, select }: TryDraws,
  { horizon, extend }: TrySource,
): Promise<Try | undefined> {
  const frontier = envelope.walk(select);
  const completion: CompletionToken[] = [...frontier.completion];
  if (isComplete(completion, horizon)) return { completion, outcome: "accepted", logRatio: 0 };
  const logU = Math.log(accept);
  // A lump's weight has the Z of its prefix in it.
  const weighedFrom = completion.length + (frontier.beyond === undefined ? 0 : 1);
  let logRatio = 0;
  using extension = extend(frontier);
  for (;;) {
    const pulled = extension.pull();
    const run = pulled instanceof Promise ? await pulled : pulled;
    if (run === undefined) break;
    for (const token of run) {
      if (completion.length >= weighedFrom) logRatio += token.logNormalizer;
      completion.push(token);
      if (accepts(logU, logRatio)) continue;
      const outcome = isComplete(completion, horizon) ? "rejected" : "rejected_early";
      return { completion, outcome, logRatio };
    }
  }
  return isComplete(completion, horizon) ? { completion, outcome: "accepted", logRatio } : undefined;
}

export interface RejectionSettings {
  readonly envelope: Envelope;
  /** Whether tries teach the envelope; without, each is a draw from q. */
  readonly learns: boolean;
  readonly horizon: number;
  readonly maxTries: number;
  /** Whether another try may begin: one may cost as many evaluations as `horizon`. */
  readonly canAfford: () => boolean;
  /** Once it is aborted, no other try begins, and streams end early. */
  readonly ending?: AbortSignal | undefined;
  /** Of a try, counted from 1. */
  readonly draws: (number: number) => TryDraws;
  /** See `TrySource.extend`. */
  readonly extend: (frontier: Frontier, number: number, cost: DrawCost) => TokenStream<CompletionToken>;
}

export interface RejectionResult {
  /** `undefined` when none was accepted. */
  readonly answer: Completion | undefined;
  /** Those that were decided. */
  readonly tries: number;
  /** log of 1 / Σ 1/U_i, nats: an estimate of log Σ p^α once one is accepted. */
  readonly logEvidence: number;
  readonly drawnTokens: number;
  readonly rememberedTokens: number;
  readonly endedBy: "accepted" | "tries" | "budget" | "ending";
}

/** Tries until one is accepted, or no other may be made. Yields what each came to. */
export async function* drawByRejection(
  settings: RejectionSettings,
): AsyncGenerator<Try, RejectionResult, undefined> {
  const { envelope, learns, horizon, maxTries, canAfford, ending, draws, extend } = settings;
  const cost = { evaluatedTokens: 0 };
  let tries = 0;
  let drawnTokens = 0;
  let logExposure = -Infinity;
  const result = (endedBy: RejectionResult["endedBy"], answer?: Completion): RejectionResult => ({
    answer,
    tries,
    logEvidence: -logExposure,
    drawnTokens,
    rememberedTokens: drawnTokens - cost.evaluatedTokens,
    endedBy,
  });
  while (tries < maxTries) {
    if (ending?.aborted === true) return result("ending");
    if (!canAfford()) return result("budget");
    const number = tries + 1;
    const { logBound } = envelope;
    const made = await tryOnce(envelope, draws(number), {
      horizon,
      extend: (frontier) => extend(frontier, number, cost),
    });
    if (made === undefined) return result("ending");
    tries = number;
    logExposure = logSumExp([logExposure, -logBound]);
    drawnTokens += made.completion.length;
    if (learns) envelope.learn(made.completion);
    yield made;
    if (made.outcome === "accepted") return result("accepted", made.completion);
  }
  return result("tries");
}
