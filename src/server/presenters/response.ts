import type { Tokenizer } from "../../decoder/completer.ts";
import { longList, longObject } from "../long-json.ts";
import type { LongJson } from "../long-json.ts";
import type { ResponseAnswer } from "../responses/response-answer.ts";
import type { OutputMessage, OutputText, ResponseBody } from "../schemas/responses/response.ts";
import { generatedLists } from "./completion.ts";
import { LogprobPresenter } from "./logprobs.ts";
import { joined } from "./placed-tokens.ts";
import type { PlacedTokens } from "./placed-tokens.ts";
import { statedEnd } from "./presenter.ts";

/** Shapes a response, and what it consists of, as far as it has come. */
export class ResponsePresenter {
  readonly #answer: ResponseAnswer;
  readonly #logprobs: LogprobPresenter;

  constructor(answer: ResponseAnswer, tokenizer: Tokenizer) {
    this.#answer = answer;
    this.#logprobs = new LogprobPresenter(tokenizer, answer.shown);
  }

  /** The id of its message: whoever has it knows the response's. */
  get messageId(): string {
    return messageIdOf(this.#answer.head.id);
  }

  /** As it was before it had come to anything. */
  begun(status: "queued" | "in_progress"): ResponseBody {
    const nothing = { completed_at: null, error: null, incomplete_details: null, usage: null };
    return { ...this.#answer.head, ...nothing, status, output: [] };
  }

  /** As it stands. */
  whole(): LongJson<ResponseBody> {
    const { head, status, isOver, failure, finish, text, completedAt } = this.#answer;
    return longObject<ResponseBody>({
      ...head,
      status,
      completed_at: completedAt,
      error: failure === undefined ? null : { code: failure.code, message: failure.message },
      incomplete_details: status === "incomplete" ? { reason: "max_output_tokens" } : null,
      output: longList(() => (isOver && (finish !== undefined || text !== "") ? [this.message()] : [])),
      usage: isOver ? this.#usage() : null,
      ...(finish === undefined ? {} : this.#finished(finish)),
    });
  }

  /** All of the answer as an item of the output. */
  message(): LongJson<OutputMessage> {
    const status = this.#answer.status === "completed" ? "completed" : "incomplete";
    return longObject<OutputMessage>({
      ...this.#messageHead(),
      status,
      content: longList(() => [this.text()]),
    });
  }

  /** The item before it has a text. */
  emptyMessage(): OutputMessage {
    return { ...this.#messageHead(), status: "in_progress", content: [] };
  }

  text(): LongJson<OutputText> {
    const { text } = this.#answer;
    return longObject<OutputText>({ ...textHead, text, logprobs: this.logprobs(this.#tokens()) });
  }

  emptyText(): OutputText {
    return { ...textHead, text: "", logprobs: [] };
  }

  /** Of all tokens. */
  get allLogprobs(): LongJson<OutputText["logprobs"]> {
    return this.logprobs(this.#tokens());
  }

  /** None where they are not included. */
  logprobs(tokens: PlacedTokens): LongJson<OutputText["logprobs"]> {
    return this.#answer.shown.logprobs === undefined ? longList(() => []) : this.#logprobs.entries(tokens);
  }

  #finished(finish: NonNullable<ResponseAnswer["finish"]>) {
    return {
      stop_reason: finish.stop,
      ...generatedLists(this.#answer.shown, { generated: this.#tokens(), finish }),
      ...statedEnd({ finish }),
      ...finish.report,
    };
  }

  #messageHead() {
    return { type: "message" as const, id: this.messageId, role: "assistant" as const };
  }

  #tokens(): PlacedTokens {
    return joined(this.#answer.tokens);
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
const messagePrefix = "msg_";

export const messageIdOf = (responseId: string): string =>
  messagePrefix + responseId.slice(responsePrefix.length);

/** The response that an item of an answer belongs to, by its id. */
export const responseIdOf = (itemId: string): string => responsePrefix + itemId.slice(messagePrefix.length);
