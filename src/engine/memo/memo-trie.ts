import { placeInTop } from "../../sampling/law.ts";
import type { Law } from "../../sampling/law.ts";
import type { ScoredToken, TokenId, TokenIds, TopTokens } from "../../core/tokens.ts";
import { tokenUniform } from "../engine.ts";
import type { ExtendRequest, Narrowed } from "../engine.ts";

/** What the model said after a visited prefix, and what it is drawn from there: the law of one proposal temperature. */
interface Visit {
  readonly top: TopTokens;
  readonly law: Law;
  readonly entropy: number;
  readonly entropyGap: number | undefined;
  readonly selfCertainty: number | undefined;
  /** Whether the engine was asked for narrower bounds than these, and has none. */
  readonly isTold: boolean;
  /** The tokens drawn so far, by rank: a chain comes by the same few over and over. */
  readonly drawn: ScoredToken[];
  /** log p of tokens beyond the top that were drawn, by the model's later answers. */
  readonly beyond: Map<TokenId, number>;
}

/** A walk asks the model about a prefix. */
export class Asking {
  /** The request that the walk belongs to. */
  readonly request: string | undefined;
  /** When the answer is remembered, or was given up. */
  readonly settled: Promise<void>;
  settle!: () => void;

  constructor(request: string | undefined) {
    this.request = request;
    this.settled = new Promise((resolve) => {
      this.settle = resolve;
    });
  }
}

/** A prefix, by the path that leads to it. */
export interface MemoNode {
  visit: Visit | undefined;
  asked: Asking | undefined;
  /** Absent until there is one: many a prefix is seen once and never extended. */
  children: Map<TokenId, MemoNode> | undefined;
}

/**
 * Bytes that a node takes in its parent's map, and a visit with a few drawn tokens beside what its arrays hold:
 * measured over 300,000 of each.
 */
const nodeBytes = 250;
const visitBytes = 1000;
const beyondBytes = 100;

/**
 * The prefixes visited after one prompt, and what the model said after each. Forgotten as a whole: a walk that is in it
 * then goes on with what is in hand, and finds the prompt's own node empty the next time.
 */
export class MemoTrie {
  #root = createNode();
  #bytes = nodeBytes;
  readonly #promptLength: number;
  readonly #onGrowth: (addedBytes: number) => void;

  /** @param onGrowth called for each prefix that is seen and each visit that is remembered */
  constructor(promptLength = 0, onGrowth: (addedBytes: number) => void = () => undefined) {
    this.#promptLength = promptLength;
    this.#onGrowth = onGrowth;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** The node of a prefix, which begins with the prompt. */
  find(prefix: TokenIds): MemoNode {
    let node = this.#root;
    for (let position = this.#promptLength; position < prefix.length; position++) {
      node = this.child(node, prefix[position]!);
    }
    return node;
  }

  /** The node of a prefix with one token more. */
  child(node: MemoNode, token: TokenId): MemoNode {
    node.children ??= new Map<TokenId, MemoNode>();
    let child = node.children.get(token);
    if (child === undefined) {
      child = createNode();
      node.children.set(token, child);
      this.#grow(nodeBytes);
    }
    return child;
  }

  /**
   * Keeps what the model said after the node's prefix. What it said first is the law there: where it is asked again, for
   * a draw in the tail, for more of the likeliest tokens, or by two walks at once, a model whose numbers move says
   * something else, and a token must not have two values within a chain. Later answers only add tokens that were not
   * known.
   * @param drawn from the untruncated law of `inverseTemperature`
   * @returns the token that was drawn, as it is recorded from now on
   */
  remember(node: MemoNode, drawn: ScoredToken, inverseTemperature: number): ScoredToken {
    const top = drawn.top!;
    if (node.visit === undefined) {
      node.visit = visitOf(drawn, top, inverseTemperature);
      this.#grow(bytesOf(top) + visitBytes);
    } else if (node.visit.top.ids.length < top.ids.length) {
      this.#widen(node.visit, top, node);
    }
    const { visit } = node;
    const rank = visit.top.ids.indexOf(drawn.token);
    if (rank >= 0) return scoredAt(visit, rank);
    const { beyond } = visit;
    const known = beyond.get(drawn.token);
    if (known === undefined) {
      beyond.set(drawn.token, drawn.logprob);
      this.#grow(beyondBytes);
    }
    return scored(visit, drawn.token, known ?? drawn.logprob);
  }

  /**
   * Keeps what an engine that knows log Z within bounds said when it was asked for more. Both answers hold the one
   * log Z, so what both allow is left.
   * @param narrowed `undefined` where it has no more to tell
   */
  narrow(node: MemoNode, narrowed: Narrowed | undefined): void {
    const { visit } = node;
    if (visit === undefined) return;
    if (narrowed === undefined) {
      node.visit = { ...visit, isTold: true };
      return;
    }
    const { token, top } = narrowed;
    if (visit.top.ids.length < top.ids.length) this.#widen(visit, top, node);
    const { law } = visit;
    const high = Math.min(law.logNormalizer, token.logNormalizer);
    const low = Math.max(lowOf(law), lowOf(token));
    // Rounding may leave nothing that both allow.
    if (high < low) return;
    node.visit = {
      ...node.visit!,
      law: { ...law, logNormalizer: high, logNormalizerGap: high - low },
      entropy: token.entropy,
      entropyGap: token.entropyGap,
      drawn: [],
    };
  }

  #widen(visit: Visit, more: TopTokens, node: MemoNode): void {
    const wider = widened(visit, more);
    this.#grow(bytesOf(wider) - bytesOf(visit.top));
    node.visit = { ...visit, top: wider, drawn: [] };
  }

  forget(): void {
    this.#root = createNode();
    this.#bytes = nodeBytes;
  }

  #grow(addedBytes: number): void {
    this.#bytes += addedBytes;
    this.#onGrowth(addedBytes);
  }
}

const createNode = (): MemoNode => ({ visit: undefined, asked: undefined, children: undefined });

const bytesOf = ({ ids, logprobs }: TopTokens): number => ids.byteLength + logprobs.byteLength;

/** Whether a prefix was visited, and as many of the likeliest tokens are remembered there as are asked for. */
export function isKnown({ visit }: MemoNode, topCount: number): boolean {
  return visit !== undefined && visit.top.ids.length >= topCount;
}

/** Why a visited prefix does not tell the token that is drawn there. */
export type Unrecalled =
  /** It was not visited, or too little is remembered. */
  | "unknown"
  /** The draw lands past what is remembered. */
  | "beyond"
  /** Whether it does, or which token it lands on, depends on what log Z is within its bounds. */
  | "open";

/** The token that the request draws at a visited prefix, without the likeliest beside it. */
export function recall(node: MemoNode, request: ExtendRequest, position: number): ScoredToken | Unrecalled {
  const { visit } = node;
  if (visit === undefined || !isKnown(node, request.topCount)) return "unknown";
  const { top, law, isTold } = visit;
  const u = tokenUniform(request, position);
  const place = placeInTop(top, law, u);
  const settled = place === "open" && isTold ? placeInTop(top, { ...law, logNormalizerGap: 0 }, u) : place;
  return typeof settled === "number" ? scoredAt(visit, settled) : settled;
}

/** How far apart the bounds of log Z stayed where they did not settle a draw, which the upper one then did; else 0. */
export function undecidedWidthAt({ visit }: MemoNode, request: ExtendRequest, position: number): number {
  if (visit?.isTold !== true) return 0;
  const { top, law } = visit;
  return placeInTop(top, law, tokenUniform(request, position)) === "open" ? (law.logNormalizerGap ?? 0) : 0;
}

/** A token of the visit that has bounds to be narrowed. */
export const likeliestAt = ({ visit }: MemoNode): ScoredToken | undefined => visit && scoredAt(visit, 0);

/** Ids of the tokens that are remembered at a prefix. */
export const rememberedAt = ({ visit }: MemoNode): TokenIds => [...(visit?.top.ids ?? [])];

const lowOf = ({
  logNormalizer,
  logNormalizerGap = 0,
}: Pick<Law, "logNormalizer" | "logNormalizerGap">): number => logNormalizer - logNormalizerGap;

/** What a first answer says of the law there. */
function visitOf(drawn: ScoredToken, top: TopTokens, inverseTemperature: number): Visit {
  const { logNormalizer, logNormalizerGap, entropy, entropyGap, selfCertainty } = drawn;
  const law = { inverseTemperature, logNormalizer, logNormalizerGap, count: Infinity };
  return { top, law, entropy, entropyGap, selfCertainty, isTold: false, drawn: [], beyond: new Map() };
}

const scoredAt = (visit: Visit, rank: number): ScoredToken =>
  (visit.drawn[rank] ??= scored(visit, visit.top.ids[rank]!, visit.top.logprobs[rank]!));

function scored(
  { law, entropy, entropyGap, selfCertainty }: Visit,
  token: TokenId,
  logprob: number,
): ScoredToken {
  const { logNormalizer, logNormalizerGap } = law;
  const known = { token, logprob, logNormalizer, entropy };
  if (logNormalizerGap === undefined && entropyGap === undefined && selfCertainty === undefined) return known;
  return {
    ...known,
    ...(logNormalizerGap === undefined ? {} : { logNormalizerGap }),
    ...(entropyGap === undefined ? {} : { entropyGap }),
    ...(selfCertainty === undefined ? {} : { selfCertainty }),
  };
}

/** More of the likeliest tokens, each with the log p that it was first known with. */
function widened({ top, beyond }: Visit, more: TopTokens): TopTokens {
  const known = new Map<TokenId, number>();
  for (const [rank, id] of more.ids.entries()) known.set(id, more.logprobs[rank]!);
  for (const [id, logprob] of beyond) known.set(id, logprob);
  for (const [rank, id] of top.ids.entries()) known.set(id, top.logprobs[rank]!);
  const entries = [...known].sort(([id, logprob], [other, its]) => its - logprob || id - other);
  return {
    ids: Int32Array.from(entries, ([id]) => id),
    logprobs: Float64Array.from(entries, ([, logprob]) => logprob),
  };
}
