import type { Tokenizer } from "../../decoder/completer.ts";
import { longList, longObject } from "../long-json.ts";
import type { LongJson } from "../long-json.ts";
import type { AnswerItem, Call } from "../responses/answer-item.ts";
import type { ResponseAnswer } from "../responses/response-answer.ts";
import type {
  OutputCall,
  OutputItem,
  OutputMessage,
  OutputText,
  ResponseBody,
} from "../schemas/responses/response.ts";
import { generatedLists } from "./completion.ts";
import { LogprobPresenter } from "./logprobs.ts";
import type { PlacedTokens } from "./placed-tokens.ts";
import { statedEnd, statedStanding } from "./presenter.ts";

/** Shapes a response, and what it consists of, as far as it has come. */
export class ResponsePresenter {
  readonly #answer: ResponseAnswer;
  readonly #logprobs: LogprobPresenter;

  constructor(answer: ResponseAnswer, tokenizer: Tokenizer) {
    this.#answer = answer;
    this.#logprobs = new LogprobPresenter(tokenizer, answer.shown);
  }

  /** As it was before it had come to anything. */
  begun(status: "queued" | "in_progress"): ResponseBody {
    const nothing = { completed_at: null, error: null, incomplete_details: null, usage: null };
    return { ...this.#answer.head, ...nothing, status, output: [] };
  }

  /** As it stands. */
  whole(): LongJson<ResponseBody> {
    const { head, status, isOver, failure, finish, items, completedAt, standing } = this.#answer;
    return longObject<ResponseBody>({
      ...head,
      status,
      completed_at: completedAt,
      error: failure === undefined ? null : { code: failure.code, message: failure.message },
      incomplete_details: status === "incomplete" ? { reason: "max_output_tokens" } : null,
      output: longList(() => (isOver ? items.map((item, index) => this.item(item, index)) : [])),
      usage: isOver ? this.#usage() : null,
      ...(standing === undefined || !isOver ? {} : statedStanding(standing, { n: 1 })),
      ...(finish === undefined ? {} : this.#finished(finish)),
    });
  }

  /** An item of the output. */
  item(item: AnswerItem, index: number): LongJson<OutputItem> {
    const { status: ofAnswer, items } = this.#answer;
    const isWhole = ofAnswer === "completed" || index < items.length - 1;
    const status = isWhole ? "completed" : "incomplete";
    const { call } = item;
    if (call !== undefined)
      return longObject<OutputCall>({ ...this.#callHead(call, index), status, arguments: item.text });
    const content = longList(() => [this.text(item)]);
    return longObject<OutputMessage>({ ...this.#messageHead(index), status, content });
  }

  /** The item before anything of it has come. */
  emptyItem({ call }: AnswerItem, index: number): OutputItem {
    const status = "in_progress";
    return call === undefined
      ? { ...this.#messageHead(index), status, content: [] }
      : { ...this.#callHead(call, index), status, arguments: "" };
  }

  text(item: AnswerItem): LongJson<OutputText> {
    return longObject<OutputText>({ ...textHead, text: item.text, logprobs: this.logprobs(item.tokens) });
  }

  emptyText(): OutputText {
    return { ...textHead, text: "", logprobs: [] };
  }

  /** None where they are not included. */
  logprobs(tokens: PlacedTokens): LongJson<OutputText["logprobs"]> {
    return this.#answer.shown.logprobs === undefined ? longList(() => []) : this.#logprobs.entries(tokens);
  }

  #finished(finish: NonNullable<ResponseAnswer["finish"]>) {
    return {
      stop_reason: finish.stop,
      ...generatedLists(this.#answer.shown, { generated: this.#answer.generated, finish }),
      ...statedEnd({ finish }),
      ...finish.report,
    };
  }

  #messageHead(index: number) {
    const id = itemIdOf(this.#answer.head.id, index);
    return { type: "message" as const, id, role: "assistant" as const };
  }

  #callHead(call: Call, index: number) {
    const id = itemIdOf(this.#answer.head.id, index, call);
    return { type: "function_call" as const, id, call_id: call.id, name: call.name };
  }

  #usage(): ResponseBody["usage"] {
    const { inputTokens, outputTokens } = this.#answer;
    return {
      input_tokens: inputTokens,
      input_tokens_details: { cached_tokens: 0, cache_write_tokens: 0 },
      output_tokens: outputTokens,
      output_tokens_details: { reasoning_tokens: 0 },
      total_tokens: inputTokens + outputTokens,
    };
  }
}

const textHead = { type: "output_text" as const, annotations: [] };

const responsePrefix = "resp_";

/** Of an item of an answer: whoever has it knows the response's. */
export const itemIdOf = (responseId: string, index: number, call?: Call): string =>
  `${call === undefined ? "msg" : "fc"}_${responseId.slice(responsePrefix.length)}${index === 0 ? "" : `_${index}`}`;

/** The response that an item of an answer belongs to, by its id. */
export const responseIdOf = (itemId: string): string => responsePrefix + (itemId.split("_")[1] ?? "");
