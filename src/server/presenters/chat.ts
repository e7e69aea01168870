import type { Tokenizer } from "../../decoder/completer.ts";
import type { GenerationPlan } from "../generation-plan.ts";
import type { ChoiceEvent } from "../run-plan.ts";
import type { ChatResponse } from "../schemas/chat.ts";
import type { ChatChunk } from "../schemas/chunks.ts";
import { entropies } from "./completion.ts";
import { LogprobPresenter, statedMode } from "./logprobs.ts";
import { AnswerTracker } from "./parts.ts";
import type { ChoicePart } from "./parts.ts";
import { progressOf, statedIgnored, statedMixing, statedUsage } from "./presenter.ts";
import type { AnswerHead, Presenter } from "./presenter.ts";

/** Shapes answers to /v1/chat/completions. */
export class ChatPresenter implements Presenter<ChatResponse> {
  readonly #head: Omit<ChatResponse, "object" | "choices" | "usage" | "mixing">;
  readonly #plan: GenerationPlan;
  readonly #tracker: AnswerTracker;
  readonly #logprobs: LogprobPresenter;
  #hasBegun = false;

  constructor(plan: GenerationPlan, tokenizer: Tokenizer, { id, created }: AnswerHead) {
    this.#head = {
      id: `chatcmpl-${id}`,
      created,
      model: plan.modelName,
      ...statedMode(plan),
      ...statedIgnored(plan),
    };
    this.#plan = plan;
    this.#tracker = new AnswerTracker(plan, tokenizer);
    this.#logprobs = new LogprobPresenter(tokenizer, plan);
  }

  /** The roles come first, the finish of a choice alone in its last chunk. */
  chunks(event: ChoiceEvent): ChatChunk[] {
    if (event.type === "progress") return [this.#chunk({ choices: [], progress: progressOf(event) })];
    const roles = this.#roles();
    const part = this.#tracker.follow(event);
    if (part === undefined) return roles;
    const delta = part.finish === undefined ? { content: part.text } : {};
    const choice = { ...this.#common(part), delta, finish_reason: part.finish?.reason ?? null };
    return [...roles, this.#chunk({ ...statedMixing(part), choices: [choice] })];
  }

  /** Of all choices, in order, before any content: OpenAI's SDKs file choices by the order in which they begin. */
  #roles(): ChatChunk[] {
    if (this.#hasBegun) return [];
    this.#hasBegun = true;
    const delta = { role: "assistant" as const, content: "" };
    return this.#plan.requests.map((_, index) =>
      this.#chunk({ choices: [{ index, delta, logprobs: null, finish_reason: null, stop_reason: null }] }),
    );
  }

  #chunk(content: Pick<ChatChunk, "choices" | "progress" | "mixing">): ChatChunk {
    return {
      ...this.#head,
      object: "chat.completion.chunk",
      ...content,
      ...statedUsage(this.#plan, this.#tracker),
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
