import { setMaxListeners } from "node:events";
import { cancelled, shuttingDown } from "../core/errors.ts";
import type { ScoredToken, TokenIds } from "../core/tokens.ts";
import type { Engine } from "../engine/engine.ts";
import type { CompletionToken } from "../mcmc/completion.ts";
import { Constraints, refusalOf } from "../grammar/constraints.ts";
import { costTerms } from "../samplers/cost.ts";
import type { Accelerations } from "../samplers/decoder.ts";
import { decode } from "../samplers/decode.ts";
import { ChainTracer } from "./chain-tracer.ts";
import { CompletionText } from "./completion-text.ts";
import { TextEnds } from "./ends.ts";
import type {
  Completer,
  CompleterHealth,
  CompletionEvent,
  ConstraintCheck,
  GenerateRequest,
  ModelInfo,
  ScoreOptions,
} from "./completer.ts";
import { MeteredEngine } from "../engine/metered-engine.ts";
import type { ModelDescription } from "./model-folder.ts";
import type { PromptEncoder } from "./prompts/prompt-encoder.ts";
import { TextStream } from "./text-stream.ts";
import type { TextEvent } from "./text-stream.ts";
import type { Tokenizer } from "./tokenizer.ts";

/** Decoders, chains and engine in one thread. */
export class LocalCompleter implements Completer {
  readonly model: ModelInfo;
  readonly tokenizer: Tokenizer;
  readonly prompts: PromptEncoder;
  readonly #engine: Engine;
  readonly #accelerations: Accelerations;
  readonly #constraints: Constraints;
  readonly #ending = new AbortController();

  /** Takes ownership of the engine. */
  constructor(
    description: Pick<ModelDescription, "model" | "tokenizer" | "prompts">,
    engine: Engine,
    accelerations: Accelerations,
  ) {
    this.model = { ...description.model, ...engine.info };
    this.tokenizer = description.tokenizer;
    this.prompts = description.prompts;
    this.#engine = engine;
    this.#accelerations = accelerations;
    const { tokenizer } = description;
    this.#constraints = new Constraints((marks) => ({
      size: engine.info.vocabularySize,
      bytesOf: (token) => {
        const isText =
          !tokenizer.isSpecial(token) || marks.some((mark) => mark.includes(tokenizer.textOf(token)));
        return isText ? tokenizer.bytesOf(token) : undefined;
      },
    }));
    // Every pull listens.
    setMaxListeners(0, this.#ending.signal);
  }

  async *complete(
    request: GenerateRequest,
    signal: AbortSignal,
  ): AsyncGenerator<CompletionEvent, void, undefined> {
    const { constraint } = request;
    try {
      yield* this.#complete(request, signal);
    } catch (error) {
      throw constraint === undefined ? error : refusalOf(error, constraint);
    }
  }

  async *#complete(
    request: GenerateRequest,
    signal: AbortSignal,
  ): AsyncGenerator<CompletionEvent, void, undefined> {
    const ending = this.#ending.signal;
    if (ending.aborted) throw shuttingDown();
    const { settings } = request;
    const { tokenizer } = this;
    // Tries, replicas and particles listen side by side.
    setMaxListeners(0, signal);
    const { budget, isIsolated } = costTerms(settings);
    const { speculation } = this.#accelerations;
    const said = isIsolated ? speculation?.own(request.prompt) : speculation?.share(request.prompt);
    const promptLength = request.prompt.length;
    const engine = new MeteredEngine(this.#engine, {
      budget,
      share: request.share,
      said,
      promptLength,
      ending,
    });
    const { modelEnds, stopTokens, endTokens } = this.#endsOf(request);
    const reading = new CompletionText(tokenizer, {
      prompt: request.prompt,
      stop: request.stop,
      ends: modelEnds,
      showSpecial: request.showSpecial,
    });
    const ends = new TextEnds(endTokens, reading);
    const text = new TextStream(reading);
    const { constraint } = request;
    const decoding = decode({
      request,
      settings,
      engine,
      ends,
      constraint: constraint && this.#constraints.compile(constraint, ends.tokens),
      accelerations: this.#accelerations,
      isIsolated,
      evaluatedTokens: () => engine.yieldedTokens,
      signal,
      ending,
    });
    let tracer: ChainTracer | undefined;

    /** What follows the first text, where the client reads nothing before the end. */
    const rest: TextEvent[] = [];
    let hasText = false;
    let last: CompletionToken | undefined;
    let next = await decoding.next();
    try {
      for (; next.done !== true; next = await decoding.next()) {
        if (next.value.type === "progress") yield next.value;
        if (next.value.type === "chain") {
          const { event, length } = next.value;
          tracer ??= new ChainTracer(reading, request.traces);
          for (const trace of tracer.follow(event, length)) yield { type: "trace", trace };
        }
        if (next.value.type !== "tokens") continue;
        for (const marked of next.value.tokens) {
          const { ends: isLast, ...token } = (last = marked);
          const piece = isLast === true ? merge([text.push(token), text.flush()]) : text.push(token);
          if (hasText && request.inOnePiece === true) rest.push(piece);
          else yield piece;
          hasText ||= piece.tokens.length > 0;
        }
      }
    } finally {
      await decoding.return({ report: {} });
    }
    const { endedEarly = false, ...decoded } = next.value;
    // Another server can do more for the client than an empty answer.
    if (endedEarly && last === undefined) throw shuttingDown();
    if (last?.ends !== true) rest.push(text.flush());
    if (rest.length > 0) yield merge(rest);
    yield {
      type: "finish",
      reason: last?.ends === true ? "stop" : "length",
      stop: text.stop ?? stopTokens.find((token) => token === last?.token) ?? null,
      evaluatedTokens: engine.yieldedTokens,
      ...decoded,
      ...(endedEarly ? { endedEarly: "shutdown" } : {}),
    };
  }

  checkConstraint(check: ConstraintCheck, signal: AbortSignal): Promise<void> {
    // It rejects with what is thrown in here.
    return new Promise((resolve) => {
      if (signal.aborted) throw cancelled();
      if (this.#ending.signal.aborted) throw shuttingDown();
      this.#constraints.compile(check.constraint, this.#endsOf(check).endTokens);
      resolve();
    });
  }

  #endsOf({ stopTokens = [], ignoreEnd = false }: Pick<GenerateRequest, "stopTokens" | "ignoreEnd">) {
    const modelEnds = ignoreEnd ? [] : this.model.endTokenIds;
    return { modelEnds, stopTokens, endTokens: new Set([...modelEnds, ...stopTokens]) };
  }

  async score(tokens: TokenIds, options: ScoreOptions, signal: AbortSignal): Promise<readonly ScoredToken[]> {
    const ending = this.#ending.signal;
    try {
      return await this.#engine.score(tokens, options, AbortSignal.any([signal, ending]));
    } catch (error) {
      throw ending.aborted && !signal.aborted ? shuttingDown() : error;
    }
  }

  endEarly(): void {
    this.#ending.abort();
  }

  health(): Promise<CompleterHealth> {
    const memo = this.#accelerations.memo?.health();
    return Promise.resolve({ ...this.#engine.health(), ...(memo === undefined ? {} : { memo }) });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#engine[Symbol.asyncDispose](), this.prompts[Symbol.asyncDispose]()]);
  }
}

const merge = (pieces: readonly TextEvent[]): TextEvent => ({
  type: "text",
  tokens: pieces.flatMap(({ tokens }) => tokens),
  text: pieces.map(({ text }) => text).join(""),
});
