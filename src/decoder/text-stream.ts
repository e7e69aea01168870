import type { ScoredToken } from "../core/tokens.ts";
import type { GeneratedToken } from "./completer.ts";
import type { CompletionText, TextReader } from "./completion-text.ts";

export interface TextEvent {
  readonly type: "text";
  readonly tokens: readonly GeneratedToken[];
  readonly text: string;
}

/**
 * Turns committed tokens into released text. Tokens are released together with the last of their text, so
 * log-probs and text never part; the one code path for streamed and whole answers.
 */
export class TextStream {
  readonly #reader: TextReader;
  readonly #pending: { token: GeneratedToken; end: number }[] = [];
  /** Characters decoded and released so far. */
  #decoded = 0;
  #released = 0;
  #stop: string | undefined;

  constructor(text: CompletionText) {
    this.#reader = text.reader();
  }

  /** The stop string that was found, once it was. */
  get stop(): string | undefined {
    return this.#stop;
  }

  push(token: ScoredToken): TextEvent {
    const { text, released, stop } = this.#reader.push(token.token);
    this.#pending.push({ token: { ...token, offset: this.#decoded }, end: this.#decoded + text.length });
    this.#decoded += text.length;
    this.#stop = stop;
    return this.#release(released, stop !== undefined);
  }

  /** Releases everything; call once after the last token. */
  flush(): TextEvent {
    if (this.#stop !== undefined) return this.#release("", true);
    const { released, stop } = this.#reader.flush();
    this.#stop = stop;
    return this.#release(released, true);
  }

  #release(text: string, everything: boolean): TextEvent {
    this.#released += text.length;
    const tokens: GeneratedToken[] = [];
    while (this.#pending.length > 0 && (everything || this.#pending[0]!.end <= this.#released)) {
      const { token } = this.#pending.shift()!;
      // A stop string may cut the text before a token's own; its offset then is the end of the text.
      tokens.push({ ...token, offset: Math.min(token.offset, this.#released) });
    }
    return { type: "text", tokens, text };
  }
}
