import type { ErrorDescription } from "../../core/errors.ts";
import type { Tokenizer } from "../../decoder/completer.ts";
import { toErrorResponse } from "../errors.ts";
import { longObject } from "../long-json.ts";
import type { Json, LongFields } from "../long-json.ts";
import type { ResponseAnswer, ResponsePart } from "../responses/response-answer.ts";
import type { ChoiceEvent } from "../run-plan.ts";
import type { ResponseEvent } from "../schemas/responses/events.ts";
import { progressOf } from "./presenter.ts";
import { ResponsePresenter } from "./response.ts";

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
  #hasBegunText = false;

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

  delta({ text, tokens }: ResponsePart): NamedEvent[] {
    const logprobs = this.#presenter.logprobs(tokens);
    return [
      ...this.#beginText(),
      this.#event("response.output_text.delta", { ...this.#place(), delta: text, logprobs }),
    ];
  }

  progress(event: ChoiceEvent & { type: "progress" }): NamedEvent {
    const name = "metropolis.progress";
    const data = { type: name, sequence_number: this.#number - 1, progress: progressOf(event) };
    return { name, number: undefined, data };
  }

  /** What an answer that is over ends with. */
  end(): NamedEvent[] {
    const { status, failure } = this.#answer;
    const presenter = this.#presenter;
    if (failure !== undefined)
      return [this.fault(failure), this.#event("response.failed", { response: presenter.whole() })];
    // Of one that was cancelled too: there is no other word for it.
    const last = status === "completed" ? "response.completed" : "response.incomplete";
    if (status === "cancelled" && !this.#hasBegunText)
      return [this.#event(last, { response: presenter.whole() })];
    const place = this.#place();
    return [
      ...this.#beginText(),
      this.#event("response.output_text.done", {
        ...place,
        text: this.#answer.text,
        logprobs: presenter.allLogprobs,
      }),
      this.#event("response.content_part.done", { ...place, part: presenter.text() }),
      this.#event("response.output_item.done", { output_index: 0, item: presenter.message() }),
      this.#event(last, { response: presenter.whole() }),
    ];
  }

  fault(description: ErrorDescription): NamedEvent {
    const { message, param, code } = toErrorResponse(description).error;
    return this.#event("error", { code, message, param });
  }

  #beginText(): NamedEvent[] {
    if (this.#hasBegunText) return [];
    this.#hasBegunText = true;
    return [
      this.#event("response.output_item.added", { output_index: 0, item: this.#presenter.emptyMessage() }),
      this.#event("response.content_part.added", { ...this.#place(), part: this.#presenter.emptyText() }),
    ];
  }

  #place() {
    return { item_id: this.#presenter.messageId, output_index: 0, content_index: 0 };
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
