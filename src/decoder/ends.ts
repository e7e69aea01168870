import { TokenStream, andThen } from "../core/token-stream.ts";
import type { Awaitable } from "../core/token-stream.ts";
import type { ScoredToken, TokenId, TokenRun } from "../core/tokens.ts";
import type { CompletionToken } from "../mcmc/completion.ts";
import type { Ends } from "../samplers/decoder.ts";
import type { CompletionText } from "./completion-text.ts";

/** What ends a completion: an end token, or the token that completes a stop string. Both are absorbing. */
export class TextEnds implements Ends {
  readonly tokens: ReadonlySet<TokenId>;
  readonly #text: CompletionText;

  constructor(tokens: ReadonlySet<TokenId>, text: CompletionText) {
    this.tokens = tokens;
    this.#text = text;
  }

  endsWith(kept: readonly ScoredToken[], token: TokenId): boolean {
    return this.tokens.has(token) || this.#scan(kept)(token);
  }

  mark(kept: readonly ScoredToken[], extension: TokenStream): TokenStream<CompletionToken> {
    const completesStop = this.#scan(kept);
    return new MarkedStream(extension, (token) => this.tokens.has(token) || completesStop(token));
  }

  /** A test for the tokens that follow `kept`, to be asked of each in turn. */
  #scan(kept: readonly ScoredToken[]): (token: TokenId) => boolean {
    if (!this.#text.hasStops) return () => false;
    const reader = this.#text.reader();
    const completes = (token: TokenId): boolean => reader.push(token).stop !== undefined;
    for (const { token } of kept) completes(token);
    return completes;
  }
}

class MarkedStream extends TokenStream<CompletionToken> {
  readonly #tokens: TokenStream;
  /** Asked of each token in turn. */
  readonly #ends: (token: TokenId) => boolean;

  constructor(tokens: TokenStream, ends: (token: TokenId) => boolean) {
    super();
    this.#tokens = tokens;
    this.#ends = ends;
  }

  override pull(): Awaitable<TokenRun<CompletionToken> | undefined> {
    return andThen(this.#tokens.pull(), (run) => this.#mark(run));
  }

  override [Symbol.dispose](): void {
    this.#tokens[Symbol.dispose]();
  }

  #mark(run: TokenRun | undefined): TokenRun<CompletionToken> | undefined {
    const last = run?.findIndex(({ token }) => this.#ends(token)) ?? -1;
    if (run === undefined || last < 0) return run;
    this[Symbol.dispose]();
    const marked: CompletionToken[] = run.slice(0, last + 1);
    marked[last] = ended(run[last]!);
    return marked;
  }
}

/**
 * Written out: nearly every proposal has such a token, and to copy an object and add to it costs more than to draw it.
 */
function ended(scored: ScoredToken): CompletionToken {
  const { token, logprob, logNormalizer, logNormalizerGap, entropy, entropyGap, selfCertainty, top } = scored;
  const hasMore = logNormalizerGap !== undefined || entropyGap !== undefined || selfCertainty !== undefined;
  if (hasMore) return { ...scored, ends: true };
  const marked = { token, logprob, logNormalizer, entropy, ends: true as const };
  return top === undefined ? marked : { ...marked, top };
}
