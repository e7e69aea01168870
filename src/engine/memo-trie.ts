import { drawFromTop } from "../core/distribution.ts";
import { uniform } from "../core/random.ts";
import type { ScoredToken, TokenId, TokenIds, TopTokens } from "../core/tokens.ts";
import type { ExtendRequest } from "./engine.ts";

/** What the model said after a visited prefix. log Z belongs to one proposal temperature. */
export interface Visit {
  readonly top: TopTokens;
  readonly logNormalizer: number;
  readonly entropy: number;
}

/** A prefix, by the path that leads to it. */
export interface MemoNode {
  visit: Visit | undefined;
  /** Settles when somebody who asks the model about this prefix has its answer, or has given up. */
  asked: Promise<void> | undefined;
  readonly children: Map<TokenId, MemoNode>;
}

/** Bytes that a node takes in its parent's map, and a visit beside what its arrays hold: measured over 300,000 of each. */
const nodeBytes = 250;
const visitBytes = 700;

/**
 * The prefixes visited after one prompt, and what the model said after each. Forgotten as a whole: whoever walks in it
 * then goes on with what is in hand, and finds the prompt's own node empty the next time.
 */
export class MemoTrie {
  #root = createNode();
  #bytes = nodeBytes;
  readonly #promptLength: number;
  readonly #onGrowth: (addedBytes: number) => void;

  /** @param onGrowth told of each visit that is remembered */
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
      node = childOf(node, prefix[position]!);
    }
    return node;
  }

  remember(node: MemoNode, { top, logNormalizer, entropy }: ScoredToken): void {
    if (node.visit !== undefined) return;
    node.visit = { top: top!, logNormalizer, entropy };
    const addedBytes = nodeBytes + visitBytes + top!.ids.byteLength + top!.logprobs.byteLength;
    this.#bytes += addedBytes;
    this.#onGrowth(addedBytes);
  }

  forget(): void {
    this.#root = createNode();
    this.#bytes = nodeBytes;
  }
}

const createNode = (): MemoNode => ({ visit: undefined, asked: undefined, children: new Map() });

export function childOf(node: MemoNode, token: TokenId): MemoNode {
  let child = node.children.get(token);
  if (child === undefined) {
    child = createNode();
    node.children.set(token, child);
  }
  return child;
}

/**
 * The token that the request draws at a visited prefix, with all that is remembered of the likeliest; `undefined` where
 * nothing is remembered, or where the draw lands in the tail beyond them.
 */
export function recall(
  { visit }: MemoNode,
  { sampling: { inverseTemperature }, draws }: ExtendRequest,
  position: number,
): ScoredToken | undefined {
  if (visit === undefined) return undefined;
  const { top, logNormalizer, entropy } = visit;
  const law = { inverseTemperature, logNormalizer };
  const draw = drawFromTop(top, law, uniform(draws, "token", position));
  if (draw === undefined) return undefined;
  const { rank, proposalLogprob } = draw;
  return {
    token: top.ids[rank]!,
    logprob: top.logprobs[rank]!,
    proposalLogprob,
    logNormalizer,
    entropy,
    top,
  };
}
