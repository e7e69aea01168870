import { LRUCache } from "lru-cache";
import type { TokenId, TokenIds } from "../core/tokens.ts";
import type { KvPart, KvSlice } from "./kv-memory.ts";

/** Part of a match: belongs at position `at` of the sequence. */
export interface MatchPart extends KvPart {
  readonly at: number;
}

export interface PrefixMatch {
  /** Tokens matched, counted from the start of the sequence. */
  readonly length: number;
  /** In ascending order, without gaps. Valid until the next `insert`. */
  readonly parts: readonly MatchPart[];
}

/** K/V of a run of tokens that hangs below its parent's token at `start − 1`. */
interface Segment {
  readonly parent: Segment | undefined;
  readonly start: number;
  readonly tokens: TokenIds;
  readonly slice: KvSlice;
  /** By position, then by the token found there. */
  readonly children: Map<number, Map<TokenId, Segment>>;
}

interface Path {
  /** From the root down, each with the position up to which it matches. */
  readonly steps: readonly { readonly segment: Segment; readonly end: number }[];
  readonly length: number;
}

/**
 * Cached prefixes as a tree of segments, so that what sequences share is kept once, under one byte budget.
 * A look-up marks the whole path as used from the leaf up; a parent is thus never older than its children, and
 * the least recently used segment is always a leaf.
 */
export class PrefixStore {
  readonly #roots = new Map<TokenId, Segment>();
  readonly #segments: LRUCache<Segment, Segment> | undefined;
  readonly maxBytes: number;
  #hitTokens = 0;
  #queryTokens = 0;
  /** Segments taken in since the last check. */
  #unchecked = 0;

  /** @param maxBytes budget for the K/V held; 0 keeps nothing */
  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
    if (maxBytes > 0) {
      this.#segments = new LRUCache<Segment, Segment>({
        maxSize: maxBytes,
        sizeCalculation: (segment) => Math.max(1, segment.slice.bytes.byteLength),
        dispose: (segment) => {
          this.#detach(segment);
        },
      });
    }
  }

  get bytes(): number {
    return this.#segments?.calculatedSize ?? 0;
  }

  /** Tokens asked for and tokens found, since the start. */
  get statistics(): { readonly hitTokens: number; readonly queryTokens: number } {
    return { hitTokens: this.#hitTokens, queryTokens: this.#queryTokens };
  }

  /** The longest stored prefix of `tokens`, at most `limit` tokens. Counts as a use. */
  match(tokens: TokenIds, limit: number): PrefixMatch {
    const path = this.#walk(tokens, limit);
    this.#touch(path);
    this.#queryTokens += limit;
    this.#hitTokens += path.length;
    const parts = path.steps.map(({ segment, end }) => ({
      slice: segment.slice,
      at: segment.start,
      from: 0,
      to: end - segment.start,
    }));
    return { length: path.length, parts };
  }

  /**
   * Keeps the K/V of `tokens`. Only what is not stored yet is asked of `read`, which copies tokens
   * `from`..`to` out of the live cache.
   */
  insert(tokens: TokenIds, read: (from: number, to: number) => KvSlice): void {
    if (this.#segments === undefined) return;
    const path = this.#walk(tokens, tokens.length);
    this.#touch(path);
    if (path.length === tokens.length) return;
    const start = path.length;
    const slice = read(start, tokens.length);
    if (slice.bytes.byteLength > this.maxBytes) return;
    const parent = path.steps.at(-1)?.segment;
    const segment: Segment = { parent, start, tokens: tokens.slice(start), slice, children: new Map() };
    this.#segments.set(segment, segment);
    this.#unchecked++;
    // Making room may have evicted the very path this would hang from.
    if (parent !== undefined && !this.#segments.has(parent)) {
      this.#segments.delete(segment);
      return;
    }
    this.#attach(segment);
    this.#touch(path);
  }

  clear(): void {
    this.#segments?.clear();
  }

  /**
   * Whether a check is worth its time: it visits every segment, so one is due when half of them are new. Then each
   * costs two visits at most, however full the store is.
   */
  get isCheckDue(): boolean {
    return this.#unchecked > 0 && 2 * this.#unchecked >= (this.#segments?.size ?? 0);
  }

  /** @throws Error naming the broken invariant: every segment held is reachable, and bytes add up. */
  checkIntegrity(): void {
    this.#unchecked = 0;
    let count = 0;
    let bytes = 0;
    const visit = (segment: Segment): void => {
      if (this.#segments?.has(segment) !== true)
        throw new Error("prefix store: a reachable segment was evicted");
      count++;
      bytes += Math.max(1, segment.slice.bytes.byteLength);
      for (const siblings of segment.children.values()) for (const child of siblings.values()) visit(child);
    };
    for (const root of this.#roots.values()) visit(root);
    if (count !== (this.#segments?.size ?? 0) || bytes !== this.bytes) {
      throw new Error(
        `prefix store: ${count} segments of ${bytes} bytes are reachable, ${this.bytes} are held`,
      );
    }
  }

  #walk(tokens: TokenIds, limit: number): Path {
    const steps: { segment: Segment; end: number }[] = [];
    let position = 0;
    let next = limit > 0 ? this.#roots.get(tokens[0]!) : undefined;
    while (next !== undefined) {
      const segment: Segment = next;
      const end = Math.min(limit, segment.start + segment.tokens.length);
      while (position < end && segment.tokens[position - segment.start] === tokens[position]) position++;
      steps.push({ segment, end: position });
      next = position < limit ? segment.children.get(position)?.get(tokens[position]!) : undefined;
    }
    return { steps, length: position };
  }

  #touch({ steps }: Path): void {
    for (const { segment } of steps.toReversed()) this.#segments?.get(segment);
  }

  #attach(segment: Segment): void {
    const first = segment.tokens[0]!;
    if (segment.parent === undefined) {
      this.#roots.set(first, segment);
      return;
    }
    const { children } = segment.parent;
    const siblings = children.get(segment.start) ?? new Map<TokenId, Segment>();
    siblings.set(first, segment);
    children.set(segment.start, siblings);
  }

  #detach(segment: Segment): void {
    const first = segment.tokens[0]!;
    if (segment.parent === undefined) {
      if (this.#roots.get(first) === segment) this.#roots.delete(first);
    } else {
      const siblings = segment.parent.children.get(segment.start);
      siblings?.delete(first);
      if (siblings?.size === 0) segment.parent.children.delete(segment.start);
    }
    // A leaf in normal eviction; below a cleared or replaced parent the rest is unreachable and goes too.
    for (const siblings of segment.children.values()) {
      for (const child of siblings.values()) this.#segments?.delete(child);
    }
  }
}
