import { codePointCounter, countCodePoints } from "../../core/code-points.ts";
import { mostEntropy, pairsOf } from "../../core/tokens.ts";
import type { ChainTrace, Tokenizer, TracedToken } from "../../decoder/completer.ts";
import type { GenerationPlan } from "../generation-plan.ts";
import { finite, LogprobPresenter } from "../presenters/logprobs.ts";
import { votesOf } from "../presenters/selection.ts";
import { AnswerTracker } from "../presenters/parts.ts";
import type { ChoicePart } from "../presenters/choice-tracker.ts";
import type { ChoiceEvent } from "../run-plan.ts";
import type { WatchEvent, WatchedToken } from "./messages.ts";

/** Shapes what happens to a request's choices as the events of a WebSocket. */
export class WatchPresenter {
  readonly #id: string;
  readonly #plan: GenerationPlan;
  readonly #tracker: AnswerTracker;
  readonly #logprobs: LogprobPresenter;
  /** Echoed prompt of each choice; what its chain reports stands behind. */
  readonly #echoes: { readonly chars: number; readonly tokens: number }[] = [];

  constructor(id: string, plan: GenerationPlan, tokenizer: Tokenizer) {
    this.#id = id;
    this.#plan = plan;
    this.#tracker = new AnswerTracker(plan, tokenizer);
    this.#logprobs = new LogprobPresenter(tokenizer, plan);
  }

  accepted(): WatchEvent {
    const { requests, prompts, modelName } = this.#plan;
    const { settings, seed, maxTokens } = requests[0]!;
    return {
      type: "accepted",
      id: this.#id,
      model: modelName,
      sampler: settings.sampler,
      seed,
      choices: requests.length,
      prompt_tokens: prompts.reduce((sum, { length }) => sum + length, 0),
      max_tokens: maxTokens,
    };
  }

  *follow(event: ChoiceEvent): Generator<WatchEvent, void, undefined> {
    const choice = { id: this.#id, index: event.index };
    if (event.type === "progress") {
      yield { type: "progress", ...choice, ...event.progress };
      return;
    }
    if (event.type === "standing") {
      const votes = votesOf(event.standing);
      if (votes !== undefined) yield { type: "votes", id: this.#id, votes };
      return;
    }
    if (event.type === "trace") {
      yield this.#trace(event.index, event.trace);
      return;
    }
    const part = this.#tracker.follow(event);
    if (part === undefined || (part.text === "" && part.tokens.length === 0)) return;
    const { text } = part;
    const tokens = this.#place(part);
    if (event.type === "prompt") {
      this.#echoes[event.index] = { chars: countCodePoints(text), tokens: tokens.length };
      if (this.#plan.requests[event.index]!.trace === true) yield this.#promptRevision(event.index, part);
    }
    yield { type: "token", ...choice, text, tokens };
  }

  /** A chain's choice begins with its echoed prompt, so that its revisions alone rebuild its text. */
  #promptRevision(index: number, part: ChoicePart): WatchEvent {
    return {
      type: "revision",
      id: this.#id,
      index,
      block: 0,
      step: 0,
      from_char: 0,
      from_token: 0,
      text: part.text,
      tokens: this.#place(part),
      logprob: 0,
    };
  }

  #place({ tokens, textSoFar }: ChoicePart): WatchedToken[] {
    const toPoints = codePointCounter(textSoFar);
    return Array.from(tokens, ({ token, offset, score }) => ({
      id: token,
      from_char: toPoints(offset),
      logprob: score === undefined ? null : finite(score.logprob),
      ...(score === undefined ? { entropy: null } : watchedEntropy(score)),
      ...this.#alternatives(score?.top && pairsOf(score.top)),
    }));
  }

  #alternatives(likeliest: TracedToken["likeliest"]): Pick<WatchedToken, "top_logprobs"> {
    return likeliest === undefined ? {} : { top_logprobs: this.#logprobs.likeliest(likeliest) };
  }

  #trace(index: number, trace: ChainTrace): WatchEvent {
    const choice = { id: this.#id, index };
    const echo = this.#echoes[index] ?? { chars: 0, tokens: 0 };
    const tokensOf = (tokens: readonly TracedToken[]): WatchedToken[] =>
      tokens.map((token) => ({
        id: token.token,
        from_char: echo.chars + token.offset,
        logprob: finite(token.logprob),
        ...watchedEntropy(token),
        ...(token.likeliest === undefined ? {} : { top_logprobs: this.#logprobs.likeliest(token.likeliest) }),
      }));
    switch (trace.type) {
      case "block":
        return { ...choice, ...trace };
      case "decision":
        return { ...choice, ...trace, logprob: finite(trace.logprob) };
      case "proposal": {
        const { fromChar, logRatio, tokens, ...rest } = trace;
        return {
          ...choice,
          ...rest,
          from_char: echo.chars + fromChar,
          tokens: tokensOf(tokens),
          log_ratio: finite(logRatio),
        };
      }
      case "revision": {
        const { fromChar, fromToken, tokens, logprob, ...rest } = trace;
        return {
          ...choice,
          ...rest,
          from_char: echo.chars + fromChar,
          from_token: echo.tokens + fromToken,
          tokens: tokensOf(tokens),
          logprob: finite(logprob),
        };
      }
    }
  }
}

const watchedEntropy = (
  token: Pick<TracedToken, "entropy" | "entropyGap">,
): Pick<WatchedToken, "entropy" | "entropy_upper"> => ({
  entropy: token.entropy,
  ...(token.entropyGap === undefined ? {} : { entropy_upper: mostEntropy(token) }),
});
