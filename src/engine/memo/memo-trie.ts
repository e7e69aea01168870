import { drawFromTop, temperedLaw } from "../../sampling/law.ts";
import type { Law } from "../../sampling/law.ts";
import { uniform } from "../../core/random.ts";
import type { ScoredToken, TokenId, TokenIds, TopTokens } from "../../core/tokens.ts";
import type { ExtendRequest } from "../engine.ts";

/** What the model said after a visited prefix, and what it is drawn from there: the law of one proposal temperature. */
interface Visit {
  readonly top: TopTokens;
  readonly law: Law;
  readonly entropy: number;
  /** The tokens drawn so far, by rank: a chain comes by the same few over and over. */
  readonly drawn: ScoredToken[];
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
   * Keeps what the model said after the node's prefix, unless as many of the likeliest tokens are known there already.
   * @param drawn from the untruncated law of `inverseTemperature`
   */
  remember(node: MemoNode, drawn: ScoredToken, inverseTemperature: number): void {
    const { top, entropy } = drawn;
    const before = node.visit;
    if (before !== undefined && before.top.ids.length >= top!.ids.length) return;
    node.visit = { top: top!, law: temperedLaw(drawn, inverseTemperature), entropy, drawn: [] };
    this.#grow(bytesOf(top!) + visitBytes - (before === undefined ? 0 : bytesOf(before.top) + visitBytes));
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
export function recall(
  node: MemoNode,
  { draws, topCount }: ExtendRequest,
  position: number,
): ScoredToken | undefined {
  const { visit } = node;
  if (visit === undefined || !isKnown(node, topCount)) return undefined;
  const { top, law, entropy, drawn } = visit;
  const rank = drawFromTop(top, law, uniform(draws, "token", position));
  if (rank === undefined) return undefined;
  return (drawn[rank] ??= {
    token: top.ids[rank]!,
    logprob: top.logprobs[rank]!,
    logNormalizer: law.logNormalizer,
    entropy,
  });
}
