import { beyondContext } from "../../core/errors.ts";
import type { TokenStream } from "../../core/token-stream.ts";
import type { ScoredToken, TokenIds } from "../../core/tokens.ts";
import { checkScore } from "../check-request.ts";
import type {
  Engine,
  EngineInfo,
  EngineLoad,
  ExtendRequest,
  Narrowed,
  NarrowRequest,
  ScoreOptions,
} from "../engine.ts";
import type { EngineHealth, RemoteDetails } from "../health.ts";
import { BackOff } from "./back-off.ts";
import { checkTerms } from "./check-terms.ts";
import type { Connection } from "./connection.ts";
import type { Dialect, ReportedToken, ServerDescription } from "./dialect.ts";
import type { ServerFacts } from "./facts.ts";
import { sessionOf, usualTop } from "./legs.ts";
import { garbage } from "./remote-error.ts";
import { RemoteExtension } from "./remote-extension.ts";
import type { ExtensionGround, Sequences } from "./remote-extension.ts";
import { narrowed, withinBounds } from "./scored.ts";
import type { ServerCalls } from "./server-calls.ts";
import { markOf } from "./server-mark.ts";

/** What a refinement asks for, at first and at last: beyond, a token's answer is megabytes. */
const widths = [64, 1024, 16_384] as const;

export interface RemoteEngineParts {
  readonly server: Connection;
  readonly dialect: Dialect;
  readonly description: ServerDescription;
  readonly facts: ServerFacts;
  readonly calls: ServerCalls;
  /** Tokens that the model has. */
  readonly vocabularySize: number;
}

export interface RemoteHealth extends EngineHealth {
  readonly details: RemoteDetails;
}

/** An engine whose model runs on a server elsewhere. */
export class RemoteEngine implements Engine {
  readonly info: EngineInfo;
  readonly #parts: RemoteEngineParts;
  readonly #sequences: Sequences = { open: 0, pulled: 0 };
  readonly #ground: ExtensionGround;

  /** Takes ownership of the connection. */
  constructor(parts: RemoteEngineParts) {
    const { dialect, description, facts, calls, vocabularySize } = parts;
    this.#parts = parts;
    this.info = {
      vocabularySize,
      // What is drawn by a law that is known by scores alone has to be scored.
      maxLength: description.contextLength - (facts.logprobs === "raw" ? 0 : dialect.scoreRoom),
      capabilities: {
        repeats: false,
        reproducibility: facts.reproducibility,
        mostTop: facts.mostTop,
        logNormalizer: "interval",
        entropy: "interval",
        selfCertainty: false,
        inverseTemperatures: dialect.inverseTemperatures,
        adjustments: dialect.adjustments.length > 0,
        truncation: true,
        constraints: false,
        scores: dialect.score !== undefined,
      },
    };
    this.#ground = {
      calls,
      facts,
      leastTop: Math.min(usualTop, facts.mostTop),
      vocabularySize,
      countsTokens: dialect.countsTokens,
      info: this.info,
      check: (request) => {
        checkTerms(request, dialect);
      },
      sequences: this.#sequences,
    };
  }

  extend(request: ExtendRequest, signal: AbortSignal): TokenStream {
    const { vocabularySize } = this.#parts;
    const possible = request.topCount <= vocabularySize ? request : { ...request, topCount: vocabularySize };
    return new RemoteExtension(this.#ground, possible, signal);
  }

  async score(
    tokens: TokenIds,
    { topCount, share }: ScoreOptions,
    signal: AbortSignal,
  ): Promise<readonly ScoredToken[]> {
    checkScore(tokens, { topCount }, this.info);
    if (tokens.length < 2) return [];
    const { calls, dialect, description, vocabularySize } = this.#parts;
    const { contextLength } = description;
    if (tokens.length + dialect.scoreRoom > contextLength) {
      const completion = dialect.scoreRoom;
      throw beyondContext(contextLength, { promptField: "prompt", prompt: tokens.length, completion });
    }
    const count = Math.min(topCount, vocabularySize);
    this.#sequences.open++;
    this.#sequences.pulled++;
    try {
      const asked = Math.max(count, this.#ground.leastTop);
      const session = sessionOf({ prefix: tokens });
      const scores = await calls.score({ tokens, from: 1, topCount: asked, session }, { share, signal });
      return scores.map((reported) => {
        const token = withinBounds(reported, { inverseTemperature: 1 }, vocabularySize);
        return count === 0 ? token : { ...token, top: firstOf(reported, count) };
      });
    } finally {
      this.#sequences.open--;
      this.#sequences.pulled--;
    }
  }

  async narrow(request: NarrowRequest, signal: AbortSignal): Promise<Narrowed | undefined> {
    const { token, inverseTemperature } = request;
    const { facts, vocabularySize } = this.#parts;
    const gapOf = ({ logNormalizerGap = 0, entropyGap = 0 }: ScoredToken): number =>
      logNormalizerGap + entropyGap;
    if (gapOf(token) === 0) return undefined;
    const known = Math.max(usualTop, token.top?.ids.length ?? 0);
    const possible = new Set(widths.map((width) => Math.min(width, facts.mostTop)));
    for (const topCount of possible) {
      if (topCount <= known) continue;
      const { top } = await this.#ask(request, topCount, signal);
      const narrower = narrowed(token, top, { inverseTemperature, vocabularySize });
      if (gapOf(narrower) < gapOf(token)) return { token: narrower, top };
    }
    return undefined;
  }

  load(): EngineLoad {
    const { calls } = this.#parts;
    return {
      lanes: calls.most,
      pulled: this.#sequences.pulled,
      passMs: (rows) => calls.tokenMs(rows),
      aloneGain: 1,
    };
  }

  health(): RemoteHealth {
    const { server, dialect, description, facts, calls } = this.#parts;
    const { waiting, ...details } = calls.details;
    const { drawnTokens, promptTokens, cachedTokens } = details.totals;
    return {
      ...(calls.fault === undefined ? { status: "ok" } : { status: "failed", reason: calls.fault }),
      evaluatedTokens: drawnTokens + promptTokens - cachedTokens,
      details: {
        kind: "remote",
        server: { dialect: dialect.name, url: server.url, model: description.model },
        mark: markOf({ description, facts }),
        sequences: { open: this.#sequences.open, waiting },
        ...details,
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#parts.calls.stop();
    await this.#parts.server[Symbol.asyncDispose]();
  }

  /** One token after a prefix, for the likeliest beside it. */
  async #ask(
    { prefix, promptLength, share }: NarrowRequest,
    topCount: number,
    signal: AbortSignal,
  ): Promise<ReportedToken> {
    const { calls } = this.#parts;
    const session = sessionOf({ prefix, promptLength });
    const law = { sampling: { inverseTemperature: 1 }, without: [], endTokens: [] };
    const call = { ...law, prefix, maxTokens: 1, seed: prefix.length, topCount, session };
    const backOff = new BackOff(prefix.length);
    for (;;) {
      try {
        calls.countRefinement();
        let told: ReportedToken | undefined;
        for await (const [first] of calls.draw(call, { share, signal })) told ??= first;
        if (told !== undefined) return told;
        throw garbage("it ended without a token");
      } catch (error) {
        await backOff.wait(error, signal);
        calls.countRetry();
      }
    }
  }
}

const firstOf = ({ top }: ReportedToken, count: number) => ({
  ids: top.ids.slice(0, count),
  logprobs: top.logprobs.slice(0, count),
});
