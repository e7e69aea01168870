import { drawFromTop, temperedLaw } from "../../sampling/law.ts";
import type { Law } from "../../sampling/law.ts";
import type { ScoredToken, TokenId, TokenIds, TopTokens } from "../../core/tokens.ts";
import { tokenUniform } from "../engine.ts";
import type { ExtendRequest } from "../engine.ts";

/** What the model said after a visited prefix, and what it is drawn from there: the law of one proposal temperature. */
interface Visit {
  readonly top: TopTokens;
  readonly law: Law;
  readonly entropy: number;
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
      const law = temperedLaw(drawn, inverseTemperature);
      node.visit = { top, law, entropy: drawn.entropy, drawn: [], beyond: new Map() };
      this.#grow(bytesOf(top) + visitBytes);
    } else if (node.visit.top.ids.length < top.ids.length) {
      const wider = widened(node.visit, top);
      this.#grow(bytesOf(wider) - bytesOf(node.visit.top));
      node.visit = { ...node.visit, top: wider, drawn: [] };
    }
    const { visit } = node;
    const rank = visit.top.ids.indexOf(drawn.token);
    if (rank >= 0) return scoredAt(visit, rank);
    const { entropy, law, beyond } = visit;
    const known = beyond.get(drawn.token);
    if (known === undefined) {
      beyond.set(drawn.token, drawn.logprob);
      this.#grow(beyondBytes);
    }
    const { logNormalizer } = law;
    return { token: drawn.token, logprob: known ?? drawn.logprob, logNormalizer, entropy };
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

/**
 * The token that the request draws at a visited prefix, without the likeliest beside it; `undefined` where too little
 * is remembered, or where the draw lands in the tail beyond what is.
 */
export function recall(node: MemoNode, request: ExtendRequest, position: number): ScoredToken | undefined {
  const { visit } = node;
  if (visit === undefined || !isKnown(node, request.topCount)) return undefined;
  const rank = drawFromTop(visit.top, visit.law, tokenUniform(request, position));
  return rank === undefined ? undefined : scoredAt(visit, rank);
}

const scoredAt = ({ top, law, entropy, drawn }: Visit, rank: number): ScoredToken =>
  (drawn[rank] ??= {
    token: top.ids[rank]!,
    logprob: top.logprobs[rank]!,
    logNormalizer: law.logNormalizer,
    entropy,
  });

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
