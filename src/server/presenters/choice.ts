import type { TokenIds } from "../../core/tokens.ts";
import type { PowerReport } from "../../decoder/generator.ts";
import type { Tokenizer } from "../../decoder/generator.ts";
import type { CompletionPlan } from "../completion-plan.ts";
import type { ChoiceEvent } from "../run-plan.ts";
import type { CompletionChoice, PowerReportBody } from "../schemas/completions.ts";
import { LogprobPresenter } from "./logprobs.ts";
import type { PlacedToken } from "./logprobs.ts";

/**
 * Presents one choice, event by event: each call gives the part of the choice that is new. A whole answer is the
 * concatenation of the parts that a stream would have sent.
 */
export class ChoicePresenter {
  readonly #index: number;
  readonly #plan: CompletionPlan;
  readonly #tokenizer: Tokenizer;
  readonly #logprobs: LogprobPresenter | undefined;
  /** All text so far, echoed prompt included: what offsets point into. */
  #text = "";
  #echoLength = 0;
  #isFirst = true;
  #completionTokens = 0;

  constructor(index: number, plan: CompletionPlan, tokenizer: Tokenizer) {
    this.#index = index;
    this.#plan = plan;
    this.#tokenizer = tokenizer;
    this.#logprobs =
      plan.logprobs === undefined
        ? undefined
        : new LogprobPresenter(tokenizer, { asIds: plan.tokensAsIds, count: plan.logprobs });
  }

  /** Tokens generated so far, the end token included. */
  get completionTokens(): number {
    return this.#completionTokens;
  }

  /** The part that an event adds; `undefined` when it shows nothing. */
  present(event: ChoiceEvent): CompletionChoice | undefined {
    switch (event.type) {
      case "prompt": {
        const { tokens, text } = placePrompt(this.#promptTokens, this.#tokenizer);
        this.#echoLength = text.length;
        const scored = tokens.map((token, position) => ({ ...token, score: event.scores[position - 1] }));
        return this.#part(text, scored, []);
      }
      case "text": {
        if (event.tokens.length === 0 && event.text === "") return undefined;
        this.#completionTokens += event.tokens.length;
        const placed = event.tokens.map((score) => ({
          token: score.token,
          offset: this.#echoLength + score.offset,
          score,
        }));
        return this.#part(
          event.text,
          placed,
          event.tokens.map(({ token }) => token),
        );
      }
      case "finish": {
        const { reason, stop, power, evaluatedTokens } = event;
        const part = this.#part("", [], []);
        return {
          ...part,
          finish_reason: reason,
          stop_reason: stop,
          ...(power === undefined ? {} : { power: toPowerReport(power, evaluatedTokens) }),
        };
      }
    }
  }

  get #promptTokens(): TokenIds {
    return this.#plan.requests[this.#index]!.prompt;
  }

  #part(text: string, tokens: readonly PlacedToken[], ids: TokenIds): CompletionChoice {
    const isFirst = this.#isFirst;
    this.#isFirst = false;
    this.#text += text;
    return {
      index: this.#index,
      text,
      logprobs: this.#logprobs?.present(tokens, this.#text) ?? null,
      finish_reason: null,
      stop_reason: null,
      ...(this.#plan.returnTokenIds ? { token_ids: [...ids] } : {}),
      ...(this.#plan.returnTokenIds && isFirst ? { prompt_token_ids: [...this.#promptTokens] } : {}),
    };
  }
}

/** Joins the parts of one choice into the whole. */
export function joinParts(parts: readonly CompletionChoice[]): CompletionChoice {
  const [first] = parts;
  const last = parts.at(-1);
  if (first === undefined || last === undefined) throw new Error("a choice has at least its finish");
  const logprobs = first.logprobs === null ? null : parts.flatMap((part) => part.logprobs ?? []);
  return {
    ...first,
    ...last,
    text: parts.map(({ text }) => text).join(""),
    logprobs: logprobs && {
      tokens: logprobs.flatMap(({ tokens }) => tokens),
      token_logprobs: logprobs.flatMap(({ token_logprobs }) => token_logprobs),
      top_logprobs: logprobs.flatMap(({ top_logprobs }) => top_logprobs),
      text_offset: logprobs.flatMap(({ text_offset }) => text_offset),
    },
    ...(first.token_ids === undefined
      ? {}
      : { token_ids: parts.flatMap(({ token_ids }) => token_ids ?? []) }),
    ...(first.prompt_token_ids === undefined ? {} : { prompt_token_ids: first.prompt_token_ids }),
  };
}

/** The prompt as it will be echoed: its tokens' text, and where each begins. */
function placePrompt(ids: TokenIds, tokenizer: Tokenizer): { tokens: PlacedToken[]; text: string } {
  const decoding = tokenizer.stream();
  let text = "";
  const tokens = ids.map((token) => {
    const offset = text.length;
    text += decoding.push(token);
    return { token, offset, score: undefined };
  });
  return { tokens, text: text + decoding.flush() };
}

function toPowerReport(report: PowerReport, evaluatedTokens: number): PowerReportBody {
  return {
    alpha: report.alpha,
    logprob: report.logprob,
    steps: report.steps,
    ...report.outcomes,
    first_token_changes: report.firstTokenChanges,
    evaluated_tokens: evaluatedTokens,
    blocks: report.blocks,
    budget_exhausted: report.budgetExhausted,
  };
}
