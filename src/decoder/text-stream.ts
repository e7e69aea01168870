import type { ScoredToken } from "../core/tokens.ts";
import type { CompletionEvent, GeneratedToken } from "./completer.ts";
import { StopMatcher } from "./stop-matcher.ts";
import type { TextDecoding, Tokenizer } from "./tokenizer.ts";

type TextEvent = Extract<CompletionEvent, { type: "text" }>;

/**
 * Turns committed tokens into released text. Tokens are released together with the last of their text, so
 * log-probs and text never part; the one code path for streamed and whole answers.
 */
export class TextStream {
  readonly #decoding: TextDecoding;
  readonly #matcher: StopMatcher;
  readonly #pending: { token: GeneratedToken; end: number }[] = [];
  /** Characters decoded and released so far. */
  #decoded = 0;
  #released = 0;
  #stop: string | undefined;

  constructor(tokenizer: Tokenizer, stops: readonly string[]) {
    this.#decoding = tokenizer.stream();
    this.#matcher = new StopMatcher(stops);
  }

  /** The stop string that was found, once it was. */
  get stop(): string | undefined {
    return this.#stop;
  }

  push(token: ScoredToken): TextEvent {
    const text = this.#decoding.push(token.token);
    this.#pending.push({ token: { ...token, offset: this.#decoded }, end: this.#decoded + text.length });
    this.#decoded += text.length;
    const { released, stop } = this.#matcher.push(text);
    this.#stop = stop;
    return this.#release(released, stop !== undefined);
  }

  /** Releases everything; call once after the last token. */
  flush(): TextEvent {
    const tail = this.#stop === undefined ? this.#decoding.flush() : "";
    const { released, stop } = this.#matcher.push(tail);
    this.#stop ??= stop;
    return this.#release(stop === undefined ? released + this.#matcher.flush() : released, true);
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
