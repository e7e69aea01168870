import type { ErrorDescription } from "../../core/errors.ts";
import type { Tokenizer } from "../../decoder/completer.ts";
import { toErrorResponse } from "../errors.ts";
import { longObject } from "../long-json.ts";
import type { Json, LongFields } from "../long-json.ts";
import type { AnswerItem } from "../responses/answer-item.ts";
import type { ResponseAnswer, ResponsePart } from "../responses/response-answer.ts";
import type { ChoiceEvent } from "../run-plan.ts";
import type { ResponseEvent } from "../schemas/responses/events.ts";
import type { Standing } from "../selection/race.ts";
import { progressOf } from "./presenter.ts";
import { votesOf } from "./selection.ts";
import { itemIdOf, ResponsePresenter } from "./response.ts";

/** An event with its name, and whether it comes after another one in the response's order. */
export interface NamedEvent {
  readonly name: ResponseEvent["type"];
  /** Undefined for what is not counted. */
  readonly number: number | undefined;
  readonly data: Json<object>;
}

/** Writes a response as events, in OpenAI's order; the same ones with the same numbers for every reader. */
export class ResponseEvents {
  readonly #answer: ResponseAnswer;
  readonly #presenter: ResponsePresenter;
  #number = 0;
  /** The item that has begun last. */
  #index = -1;

  constructor(answer: ResponseAnswer, tokenizer: Tokenizer) {
    this.#answer = answer;
    this.#presenter = new ResponsePresenter(answer, tokenizer);
  }

  begin(): NamedEvent[] {
    const begun = (name: "created" | "queued" | "in_progress", status: "queued" | "in_progress") =>
      this.#event(`response.${name}`, { response: this.#presenter.begun(status) });
    if (!this.#answer.head.background)
      return [begun("created", "in_progress"), begun("in_progress", "in_progress")];
    return [begun("created", "queued"), begun("queued", "queued"), begun("in_progress", "in_progress")];
  }

  /** More of an item, which then has begun, and those before it have ended. */
  delta({ index, item, text, tokens }: ResponsePart): NamedEvent[] {
    const begun = this.#goOnTo(index);
    if (item.call !== undefined) {
      if (text === "") return begun;
      const place = this.#placeOf(item, index);
      return [...begun, this.#event("response.function_call_arguments.delta", { ...place, delta: text })];
    }
    const logprobs = this.#presenter.logprobs(tokens);
    const place = this.#placeInText(item, index);
    return [...begun, this.#event("response.output_text.delta", { ...place, delta: text, logprobs })];
  }

  progress(event: ChoiceEvent & { type: "progress" }): NamedEvent {
    const name = "metropolis.progress";
    const data = { type: name, sequence_number: this.#number - 1, progress: progressOf(event) };
    return { name, number: undefined, data };
  }

  /** How a vote stands; nothing of candidates that do not vote. */
  votes(standing: Standing): NamedEvent[] {
    const votes = votesOf(standing);
    const name = "metropolis.votes";
    const data = { type: name, sequence_number: this.#number - 1, votes };
    return votes === undefined ? [] : [{ name, number: undefined, data }];
  }

  /** What an answer that is over ends with. */
  end(): NamedEvent[] {
    const { status, failure } = this.#answer;
    const presenter = this.#presenter;
    if (failure !== undefined)
      return [this.fault(failure), this.#event("response.failed", { response: presenter.whole() })];
    // Of one that was cancelled too: there is no other word for it.
    const last = status === "completed" ? "response.completed" : "response.incomplete";
    return [
      ...this.#goOnTo(this.#answer.items.length - 1),
      ...this.#endItem(),
      this.#event(last, { response: presenter.whole() }),
    ];
  }

  fault(description: ErrorDescription): NamedEvent {
    const { message, param, code } = toErrorResponse(description).error;
    return this.#event("error", { code, message, param });
  }

  #goOnTo(index: number): NamedEvent[] {
    const events: NamedEvent[] = [];
    while (this.#index < index) events.push(...this.#endItem(), ...this.#beginItem(this.#index + 1));
    return events;
  }

  #beginItem(index: number): NamedEvent[] {
    this.#index = index;
    const item = this.#answer.items[index]!;
    const empty = this.#presenter.emptyItem(item, index);
    const added = this.#event("response.output_item.added", { output_index: index, item: empty });
    if (item.call !== undefined) return [added];
    const part = this.#presenter.emptyText();
    return [added, this.#event("response.content_part.added", { ...this.#placeInText(item, index), part })];
  }

  /** That which has begun last, if any. */
  #endItem(): NamedEvent[] {
    const index = this.#index;
    const item = this.#answer.items[index];
    if (item === undefined) return [];
    const presenter = this.#presenter;
    const done = (): NamedEvent =>
      this.#event("response.output_item.done", { output_index: index, item: presenter.item(item, index) });
    if (item.call !== undefined) {
      const said = { name: item.call.name, arguments: item.text };
      const place = this.#placeOf(item, index);
      return [this.#event("response.function_call_arguments.done", { ...place, ...said }), done()];
    }
    const place = this.#placeInText(item, index);
    const logprobs = presenter.logprobs(item.tokens);
    return [
      this.#event("response.output_text.done", { ...place, text: item.text, logprobs }),
      this.#event("response.content_part.done", { ...place, part: presenter.text(item) }),
      done(),
    ];
  }

  #placeOf({ call }: AnswerItem, index: number) {
    return { item_id: itemIdOf(this.#answer.head.id, index, call), output_index: index };
  }

  #placeInText(item: AnswerItem, index: number) {
    return { ...this.#placeOf(item, index), content_index: 0 };
  }

  #event<Name extends ResponseEvent["type"]>(
    name: Name,
    fields: LongFields<Omit<EventNamed<Name>, "type" | "sequence_number">>,
  ): NamedEvent {
    const number = this.#number++;
    return { name, number, data: longObject({ type: name, sequence_number: number, ...fields }) };
  }
}

/** The event that has this name, or one of several. */
type EventNamed<Name> = ResponseEvent extends infer Event
  ? Event extends { readonly type: string }
    ? Name extends Event["type"]
      ? Event
      : never
    : never
  : never;
