import { isTruncated } from "../../sampling/distribution.ts";
import type { TokenStream } from "../../core/token-stream.ts";
import type { ScoredToken } from "../../core/tokens.ts";
import type { Engine, EngineHealth, EngineInfo, EngineLoad, ExtendRequest } from "../engine.ts";
import { EventLoopTurns } from "./event-loop-turns.ts";
import { MemoExtension } from "./memo-extension.ts";
import { MemoTrie } from "./memo-trie.ts";

/**
 * An engine around an engine that remembers the next-token distribution after every prefix it has visited
 * (exact: the same uniforms select the same tokens). Several that come to an unvisited prefix together ask the model
 * once.
 */
export class MemoEngine implements Engine {
  readonly info: EngineInfo;
  readonly #inner: Engine;
  readonly #trie: () => MemoTrie;
  readonly #turns: EventLoopTurns;
  #inverseTemperature: number | undefined;

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
    this.#checkLaw(request);
    const { vocabularySize } = this.info;
    const possible = request.topCount <= vocabularySize ? request : { ...request, topCount: vocabularySize };
    const ground = { inner: this.#inner, trie: this.#trie(), turns: this.#turns };
    return new MemoExtension(ground, possible, signal);
  }

  score(...request: Parameters<Engine["score"]>): Promise<readonly ScoredToken[]> {
    return this.#inner.score(...request);
  }

  health(): EngineHealth {
    return this.#inner.health();
  }

  load(): EngineLoad {
    return this.#inner.load();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // The inner engine is borrowed.
  }

  #checkLaw({ sampling }: ExtendRequest): void {
    this.#inverseTemperature ??= sampling.inverseTemperature;
    const isOther = sampling.inverseTemperature !== this.#inverseTemperature;
    if (isOther || isTruncated(sampling) || sampling.adjustments !== undefined) {
      throw new Error("a memo serves one untruncated proposal law");
    }
  }
}
