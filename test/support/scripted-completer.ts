import { cancelled } from "../../src/core/errors.ts";
import { TokenStream } from "../../src/core/token-stream.ts";
import type { ScoredToken, TokenId, TokenIds, TokenRun, TopTokens } from "../../src/core/tokens.ts";
import { LocalCompleter } from "../../src/decoder/local-completer.ts";
import type { ModelDescription } from "../../src/decoder/model-folder.ts";
import type { Engine, EngineInfo, ExtendRequest, ScoreOptions } from "../../src/engine/engine.ts";
import type { EngineHealth } from "../../src/engine/health.ts";

/** What follows a list of tokens, for certain. */
type Script = (tokens: TokenIds) => TokenId;

/** An engine that is sure of every token. The next ids stand beside it, ever less likely. */
class ScriptedEngine implements Engine {
  readonly info: EngineInfo;
  readonly #script: Script;

  constructor(vocabularySize: number, script: Script) {
    this.#script = script;
    this.info = {
      vocabularySize,
      maxLength: 4096,
      capabilities: {
        repeats: true,
        reproducibility: "bitwise",
        mostTop: Infinity,
        logNormalizer: "exact",
        entropy: "exact",
        selfCertainty: false,
        adjustments: true,
        truncation: true,
        constraints: false,
        scores: true,
      },
    };
  }

  extend({ prefix, maxTokens, endTokens, topCount }: ExtendRequest, signal: AbortSignal): TokenStream {
    const tokens = [...prefix];
    const next = (): TokenRun | undefined => {
      if (signal.aborted) throw cancelled();
      const hasEnded = tokens.length > prefix.length && endTokens.has(tokens.at(-1)!);
      if (hasEnded || tokens.length - prefix.length >= maxTokens) return undefined;
      const token = this.#script(tokens);
      tokens.push(token);
      return [this.#scored(token, topCount)];
    };
    return new ScriptedStream(next);
  }

  score(tokens: TokenIds, { topCount }: ScoreOptions): Promise<readonly ScoredToken[]> {
    return Promise.resolve(tokens.slice(1).map((token) => this.#scored(token, topCount)));
  }

  load(): undefined {
    return undefined;
  }

  health(): EngineHealth {
    return { status: "ok", evaluatedTokens: 0 };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Holds nothing.
  }

  #scored(token: TokenId, topCount: number): ScoredToken {
    const scored = { token, logprob: 0, logNormalizer: 0, entropy: 0 };
    return topCount === 0 ? scored : { ...scored, top: this.#top(token, topCount) };
  }

  #top(token: TokenId, count: number): TopTokens {
    const ids = Int32Array.from({ length: count }, (_, rank) => (token + rank) % this.info.vocabularySize);
    return { ids, logprobs: Float64Array.from(ids, (_, rank) => -rank) };
  }
}

class ScriptedStream extends TokenStream {
  #next: () => TokenRun | undefined;

  constructor(next: () => TokenRun | undefined) {
    super();
    this.#next = next;
  }

  override pull(): TokenRun | undefined {
    return this.#next();
  }

  override [Symbol.dispose](): void {
    this.#next = () => undefined;
  }
}

/** A model of a tokenizer that says what the script says. */
export const scriptedCompleter = (
  { tokenizer, prompts }: Pick<ModelDescription, "tokenizer" | "prompts">,
  vocabularySize: number,
  { script, endTokenIds = [] }: { script: Script; endTokenIds?: TokenIds },
): LocalCompleter =>
  new LocalCompleter(
    {
      model: {
        id: "scripted",
        endTokenIds,
        defaults: { maxTokens: undefined, alpha: 4, mcmcSteps: 2, blockSize: undefined },
        description: undefined,
        examplePrompts: [],
      },
      tokenizer,
      prompts,
    },
    new ScriptedEngine(vocabularySize, script),
    { earlyRejection: true, prefetch: false, memo: undefined },
  );
