import type { Tokenizer } from "../../decoder/completer.ts";
import type { GenerationPlan } from "../generation-plan.ts";
import type { ChoiceEvent } from "../run-plan.ts";
import type { ChatResponse } from "../schemas/chat.ts";
import type { ChatChunk } from "../schemas/chunks.ts";
import { entropies } from "./completion.ts";
import { LogprobPresenter, statedMode } from "./logprobs.ts";
import { AnswerTracker } from "./parts.ts";
import type { ChoicePart } from "./parts.ts";
import { progressOf, statedMixing } from "./presenter.ts";
import type { AnswerHead, Presenter } from "./presenter.ts";

/** Shapes answers to /v1/chat/completions. */
export class ChatPresenter implements Presenter<ChatResponse> {
  readonly #head: Pick<ChatResponse, "id" | "created" | "model" | "logprobs_mode">;
  readonly #plan: GenerationPlan;
  readonly #tracker: AnswerTracker;
  readonly #logprobs: LogprobPresenter;

  constructor(plan: GenerationPlan, tokenizer: Tokenizer, { id, created }: AnswerHead) {
    this.#head = { id: `chatcmpl-${id}`, created, model: plan.modelName, ...statedMode(plan) };
    this.#plan = plan;
    this.#tracker = new AnswerTracker(plan, tokenizer);
    this.#logprobs = new LogprobPresenter(tokenizer, plan);
  }

  /** The role stands in a choice's first delta, the finish alone in its last. */
  chunk(event: ChoiceEvent): ChatChunk | undefined {
    if (event.type === "progress") {
      return { ...this.#head, object: "chat.completion.chunk", choices: [], progress: progressOf(event) };
    }
    const part = this.#tracker.follow(event);
    if (part === undefined) return undefined;
    const delta = {
      ...(part.isFirst ? { role: "assistant" as const } : {}),
      ...(part.finish === undefined || part.isFirst ? { content: part.text } : {}),
    };
    const choice = { ...this.#common(part), delta, finish_reason: part.finish?.reason ?? null };
    return {
      ...this.#head,
      object: "chat.completion.chunk",
      ...statedMixing(part),
      choices: [choice],
    };
  }

  usageChunk(): ChatChunk {
    return { ...this.#head, object: "chat.completion.chunk", choices: [], usage: this.#tracker.usage };
  }

  async whole(events: AsyncIterable<ChoiceEvent>): Promise<ChatResponse> {
    const { parts, ...mixing } = await this.#tracker.whole(events);
    const choices = parts.map((part) => ({
      ...this.#common(part),
      message: { role: "assistant" as const, content: part.text, refusal: null },
      finish_reason: part.finish!.reason,
    }));
    return { ...this.#head, object: "chat.completion", ...mixing, choices, usage: this.#tracker.usage };
  }

  #common(part: ChoicePart) {
    const { index, generated, finish } = part;
    const { logprobs, returnTokenIds, entropy } = this.#plan;
    return {
      index,
      logprobs: logprobs === undefined ? null : this.#logprobs.chat(part),
      stop_reason: finish?.stop ?? null,
      ...(returnTokenIds ? { token_ids: [...generated] } : {}),
      ...(entropy ? { entropy: entropies(part) } : {}),
      ...(entropy && finish !== undefined ? { mean_entropy: finish.meanEntropy } : {}),
      ...finish?.report,
    };
  }
}
