/**
 * What is known of p^α from above, on the trie of visited prefixes. With α-sums
 *
 *     F(h) = Σ p(future | h)^α  over the completions that begin with h,   F = 1 for a whole completion
 *
 * it keeps bounds U(h) ≥ F(h) ≤ 1: U = 1 for a prefix that was not visited, and for one that was
 *
 *     U(h) = Σ_v p(v|h)^α · U(hv)     over all next tokens v
 *
 * Of each visited prefix the likeliest tokens are told apart. The rest are one lump of Σ p(v|h)^α = Z(h) − Σ_likeliest
 * that nothing lowers: what is beyond it is drawn as if nothing were known.
 *
 * A walk goes down the trie by p(v|h)^α · U(hv), until it comes to a whole completion, to a prefix not visited, or to
 * a lump. It comes to a frontier f with probability p(f)^α · U(f) / U(root), since the bounds between cancel.
 *
 * Source: Dymetman, Bouchard & Carter, "The OS* algorithm", arXiv 1207.0742; Gilks & Wild, "Adaptive rejection
 * sampling", Applied Statistics 41 (1992).
 */
import { logSumExp, selectByLogWeight } from "../core/log-sum-exp.ts";
import type { TokenId, TopTokens } from "../core/tokens.ts";
import { isComplete } from "./completion.ts";
import type { Completion, CompletionToken } from "./completion.ts";

export interface EnvelopeSettings {
  readonly alpha: number;
  readonly horizon: number;
  readonly vocabularySize: number;
  /** Visited prefixes that it keeps at most: it learns no more then, and its bounds stay true. */
  readonly mostVisits: number;
  /** Whether a token that follows `kept` ends the completion. */
  readonly endsWith: (kept: Completion, token: TokenId) => boolean;
}

/** A prefix that was visited. */
interface Visit {
  /** The token that was drawn there first: what it says of the law there holds for all others. */
  readonly drawn: CompletionToken;
  readonly top: TopTokens;
  /** log p(v)^α·U(v) of the likeliest, and of the lump behind them. */
  readonly logWeights: number[];
  /** Share of q that the likeliest have. */
  readonly topShare: number;
  /** By rank among the likeliest, as far as something came by. */
  readonly children: Map<number, Child>;
}

interface Child {
  readonly token: CompletionToken;
  visit: Visit | undefined;
}

/** Where a walk down the trie came to. */
export interface Frontier {
  readonly completion: Completion;
  /** Where it is in a lump: the share of q beyond which the next token is to be drawn; its Z counted already. */
  readonly beyond: number | undefined;
}

const noTop: TopTokens = { ids: new Int32Array(), logprobs: new Float64Array() };

export class Envelope {
  readonly #settings: EnvelopeSettings;
  #root: Visit | undefined;
  #visits = 0;

  constructor(settings: EnvelopeSettings) {
    this.#settings = settings;
  }

  /** log U of the empty prefix, nats: no less than log Σ p^α. */
  get logBound(): number {
    return logBoundOf(this.#root);
  }

  /** @param select the uniform that chooses the token at a position */
  walk(select: (position: number) => number): Frontier {
    const completion: CompletionToken[] = [];
    let visit = this.#root;
    while (visit !== undefined && !isComplete(completion, this.#settings.horizon)) {
      const { logWeights, topShare }: Visit = visit;
      const rank = selectByLogWeight(logWeights, select(completion.length));
      if (rank === logWeights.length - 1) return { completion, beyond: topShare };
      const child = this.#childOf(visit, rank, completion);
      completion.push(child.token);
      visit = child.visit;
    }
    return { completion, beyond: undefined };
  }

  /**
   * Takes in what was seen on the way of a draw that is decided; within one the bounds must stay as they are.
   * @param completion as far as it was drawn
   */
  learn(completion: Completion): void {
    const path: { readonly visit: Visit; readonly rank: number }[] = [];
    let owner: Child | undefined;
    for (const [position, token] of completion.entries()) {
      const visit: Visit | undefined =
        (owner === undefined ? this.#root : owner.visit) ?? this.#visitOf(token);
      if (visit === undefined) break;
      if (owner === undefined) this.#root = visit;
      else owner.visit = visit;
      const rank = visit.top.ids.indexOf(token.token);
      path.push({ visit, rank });
      // In a lump nothing is told apart.
      if (rank < 0) break;
      owner = this.#childOf(visit, rank, completion.slice(0, position));
    }
    for (const { visit, rank } of path.reverse()) {
      const child = visit.children.get(rank);
      if (child !== undefined)
        visit.logWeights[rank] = this.#settings.alpha * visit.top.logprobs[rank]! + logBoundOf(child.visit);
    }
  }

  #childOf({ drawn, top, children }: Visit, rank: number, kept: Completion): Child {
    const known = children.get(rank);
    if (known !== undefined) return known;
    const token = top.ids[rank]!;
    const { logNormalizer, entropy, selfCertainty } = drawn;
    const law = { logNormalizer, entropy, ...(selfCertainty === undefined ? {} : { selfCertainty }) };
    const scored = { token, logprob: top.logprobs[rank]!, ...law, top };
    const child: Child = {
      token: this.#settings.endsWith(kept, token) ? { ...scored, ends: true } : scored,
      visit: undefined,
    };
    children.set(rank, child);
    return child;
  }

  /** `undefined` where there is no room for another. */
  #visitOf(drawn: CompletionToken): Visit | undefined {
    const { alpha, vocabularySize, mostVisits } = this.#settings;
    if (this.#visits === mostVisits) return undefined;
    this.#visits++;
    const { logNormalizer, top = noTop } = drawn;
    const logWeights = Array.from(top.logprobs, (logprob) => alpha * logprob);
    // Summed as draws sum it, so that what is beyond it is beyond the likeliest.
    let topShare = 0;
    for (const logWeight of logWeights) topShare += Math.exp(logWeight - logNormalizer);
    const isWhole = top.ids.length === vocabularySize || topShare >= 1;
    logWeights.push(isWhole ? -Infinity : logNormalizer + Math.log1p(-topShare));
    return { drawn, top, logWeights, topShare, children: new Map<number, Child>() };
  }
}

/** A bound is no more than 1, whatever rounding does. */
const logBoundOf = (visit: Visit | undefined): number =>
  visit === undefined ? 0 : Math.min(0, logSumExp(visit.logWeights));
