import type { Engine } from "../engine.ts";
import { EventLoopTurns } from "./event-loop-turns.ts";
import { MemoEngine } from "./memo-engine.ts";
import { MemoTrie } from "./memo-trie.ts";
import type { MemoHealth, MemoKey, Memos } from "./memos.ts";

/**
 * The memos of many prompts under one byte budget. The least recently used is forgotten first, even in mid-use: a
 * memo saves evaluations and decides nothing. (Tokens of a chain's state keep what was recorded of them: see
 * `mcmc/as-recorded.ts`.) One that outgrows the budget by itself starts again from nothing.
 */
export class MemoStore implements Memos {
  readonly #maxBytes: number;
  /** The least recently used first. */
  readonly #tries = new Map<string, MemoTrie>();
  /** The most recently used one: each token of a chain uses its trie again, and need not move it again. */
  #newest: MemoTrie | undefined;
  readonly #turns: EventLoopTurns;
  #bytes = 0;

  /** @param turns of the event loop that all chains walk on */
  constructor(maxBytes: number, turns = new EventLoopTurns()) {
    this.#maxBytes = maxBytes;
    this.#turns = turns;
  }

  share(engine: Engine, key: MemoKey): Engine {
    const told = key.selfCertainty === true ? "certain" : "";
    const name = `${key.priority}/${key.inverseTemperature}/${told}/${key.constraint ?? ""}/${key.prompt.join()}`;
    return new MemoEngine(engine, () => this.#use(name) ?? this.#create(name, key), this.#turns);
  }

  /** Not counted in the store's bytes; forgets when it comes to as many by itself. */
  own(engine: Engine, { prompt }: MemoKey): Engine {
    const trie = new MemoTrie(prompt.length, () => {
      if (trie.bytes > this.#maxBytes) trie.forget();
    });
    return new MemoEngine(engine, () => trie, this.#turns);
  }

  health(): MemoHealth {
    return { bytes: this.#bytes, maxBytes: this.#maxBytes, prompts: this.#tries.size };
  }

  #use(name: string): MemoTrie | undefined {
    const trie = this.#tries.get(name);
    if (trie !== undefined) this.#place(name, trie);
    return trie;
  }

  /** Makes it the most recently used one. */
  #place(name: string, trie: MemoTrie): void {
    if (trie === this.#newest) return;
    this.#newest = trie;
    this.#tries.delete(name);
    this.#tries.set(name, trie);
  }

  #create(name: string, { prompt }: MemoKey): MemoTrie {
    const trie = new MemoTrie(prompt.length, (addedBytes) => {
      // A walk may still be in a trie that was forgotten.
      if (this.#tries.get(name) === trie) this.#grow(name, trie, addedBytes);
    });
    // The name is kept for as long, a byte or two a character.
    this.#grow(name, trie, trie.bytes + 2 * name.length);
    return trie;
  }

  #grow(name: string, trie: MemoTrie, addedBytes: number): void {
    this.#place(name, trie);
    this.#bytes += addedBytes;
    for (const [oldest, forgotten] of this.#tries) {
      if (this.#bytes <= this.#maxBytes) return;
      this.#tries.delete(oldest);
      this.#bytes -= forgotten.bytes + 2 * oldest.length;
      forgotten.forget();
    }
  }
}
