import { isTruncated } from "../../sampling/distribution.ts";
import type { TokenStream } from "../../core/token-stream.ts";
import type { ScoredToken } from "../../core/tokens.ts";
import type { Engine, EngineInfo, EngineLoad, ExtendRequest, Narrowed, NarrowRequest } from "../engine.ts";
import type { EngineHealth } from "../health.ts";
import { EventLoopTurns } from "./event-loop-turns.ts";
import { MemoExtension } from "./memo-extension.ts";
import { MemoTrie } from "./memo-trie.ts";
import type { MemoKey } from "./memos.ts";

/**
 * An engine around an engine that remembers the next-token distribution after every prefix it has visited (exact: the
 * same uniforms select the same tokens). Extensions that come to an unvisited prefix together ask the model once. It
 * remembers one untruncated law, that of the first extension, its constraint included, and whether self-certainty is told; extensions by another law, or of an engine that does not
 * tell enough of its law, go straight to the inner engine.
 */
export class MemoEngine implements Engine {
  readonly info: EngineInfo;
  readonly #inner: Engine;
  readonly #trie: () => MemoTrie;
  readonly #turns: EventLoopTurns;
  #law: Pick<MemoKey, "inverseTemperature" | "constraint" | "selfCertainty"> | undefined;

  /**
   * Borrows the inner engine: disposing the memo leaves it alone.
   * @param trie where to remember, asked for at each extension; a trie of its own when left out
   * @param turns shared by the memos of one event loop
   */
  constructor(inner: Engine, trie?: () => MemoTrie, turns = new EventLoopTurns()) {
    const own = new MemoTrie();
    this.#inner = inner;
    this.#trie = trie ?? (() => own);
    this.#turns = turns;
    this.info = inner.info;
  }

  extend(request: ExtendRequest, signal: AbortSignal): TokenStream {
    const { vocabularySize } = this.info;
    const possible = request.topCount <= vocabularySize ? request : { ...request, topCount: vocabularySize };
    if (!this.#canRemember(possible)) return this.#inner.extend(request, signal);
    const ground = { inner: this.#inner, trie: this.#trie(), turns: this.#turns };
    return new MemoExtension(ground, possible, signal);
  }

  score(...request: Parameters<Engine["score"]>): Promise<readonly ScoredToken[]> {
    return this.#inner.score(...request);
  }

  /** What is remembered may be narrower than what a token brings; what the inner engine tells is remembered. */
  async narrow(request: NarrowRequest, signal: AbortSignal): Promise<Narrowed | undefined> {
    const { prefix, token } = request;
    const node = this.#trie().find(prefix);
    const remembered = node.visit?.law;
    const gapOf = ({ logNormalizerGap = 0 }: { readonly logNormalizerGap?: number | undefined }): number =>
      logNormalizerGap;
    if (remembered === undefined || gapOf(remembered) >= gapOf(token)) {
      const narrowed = await this.#inner.narrow?.(request, signal);
      if (remembered === undefined) return narrowed;
      this.#trie().narrow(node, narrowed);
      if (narrowed === undefined) return undefined;
    }
    const { top, law, entropy, entropyGap = 0 } = node.visit!;
    const { logNormalizer } = law;
    return { token: { ...token, logNormalizer, logNormalizerGap: gapOf(law), entropy, entropyGap }, top };
  }

  load(): EngineLoad | undefined {
    return this.#inner.load();
  }

  health(): EngineHealth {
    return this.#inner.health();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // The inner engine is borrowed.
  }

  /** Whether what is remembered draws the very tokens that the inner engine would. */
  #canRemember({
    sampling,
    constraint,
    topCount,
    selfCertainty = false,
    beyond = 0,
    without,
  }: ExtendRequest): boolean {
    const { repeats, logNormalizer, mostTop } = this.info.capabilities;
    if (logNormalizer === "unknown" || mostTop < Math.max(1, topCount)) return false;
    // Draws past what is remembered: by the same uniforms, or from what is left.
    if (!repeats && (logNormalizer !== "interval" || beyond > 0 || without !== undefined)) return false;
    if (isTruncated(sampling) || sampling.adjustments !== undefined) return false;
    const { inverseTemperature } = sampling;
    this.#law ??= { inverseTemperature, constraint: constraint?.key, selfCertainty };
    return (
      inverseTemperature === this.#law.inverseTemperature &&
      constraint?.key === this.#law.constraint &&
      selfCertainty === this.#law.selfCertainty
    );
  }
}
