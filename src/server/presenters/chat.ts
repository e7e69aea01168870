import type { Tokenizer } from "../../decoder/completer.ts";
import type { GenerationPlan } from "../generation-plan.ts";
import { longList, longObject, mapLazily } from "../long-json.ts";
import type { Json, LongJson } from "../long-json.ts";
import type { ChoiceEvent } from "../run-plan.ts";
import type { ChatChoice, ChatResponse } from "../schemas/chat.ts";
import type { ChatChunk, ChatChunkChoice } from "../schemas/chunks.ts";
import { generatedLists } from "./completion.ts";
import { LogprobPresenter, statedMode } from "./logprobs.ts";
import { AnswerTracker } from "./parts.ts";
import type { ChoicePart, Finish } from "./choice-tracker.ts";
import type { Standing } from "../selection/race.ts";
import { MessageReader, readMessage } from "./message-reader.ts";
import {
  progressOf,
  statedEnd,
  statedIgnored,
  statedMixing,
  statedReproducibility,
  statedStanding,
  statedUsage,
} from "./presenter.ts";
import type { AnswerHead, Presenter } from "./presenter.ts";

/** Shapes answers to /v1/chat/completions. */
export class ChatPresenter implements Presenter<ChatResponse, ChatChunk> {
  readonly #head: Omit<ChatResponse, "object" | "choices" | "usage" | "mixing" | "selected" | "votes">;
  readonly #plan: GenerationPlan;
  readonly #tracker: AnswerTracker;
  readonly #logprobs: LogprobPresenter;
  /** Of a stream's choices. */
  readonly #messages: readonly MessageReader[];
  #hasBegun = false;

  constructor(plan: GenerationPlan, tokenizer: Tokenizer, { id, created }: AnswerHead) {
    this.#head = {
      id: `chatcmpl-${id}`,
      created,
      model: plan.modelName,
      ...statedMode(plan),
      ...statedIgnored(plan),
      ...statedReproducibility(plan),
    };
    this.#plan = plan;
    this.#tracker = new AnswerTracker(plan, tokenizer);
    this.#logprobs = new LogprobPresenter(tokenizer, plan);
    this.#messages = plan.requests.map(() => new MessageReader(plan.tools));
  }

  /** The roles come first, the finish of a choice alone in its last chunk. */
  chunks(event: ChoiceEvent): Json<ChatChunk>[] {
    if (event.type === "progress") return [this.#chunk({ choices: [], progress: progressOf(event) })];
    const roles = this.#roles();
    if (event.type === "standing") return [...roles, ...this.#standing(event.standing)];
    const part = this.#tracker.follow(event);
    if (part === undefined) return roles;
    const { finish } = part;
    const message = this.#messages[part.index]!;
    const delta = finish === undefined ? message.push(part.text) : message.end();
    const finish_reason = finish === undefined ? null : reasonOf(finish, message.callsTools);
    const choice = { ...this.#fields(part), delta, finish_reason };
    const choices = longList(() => [longObject<ChatChunkChoice>(choice)]);
    return [...roles, longObject<ChatChunk>({ ...this.#chunk({ ...statedMixing(part), choices }) })];
  }

  #standing(standing: Standing): ChatChunk[] {
    this.#tracker.note(standing);
    const stated = statedStanding(standing, this.#plan);
    return stated === undefined ? [] : [this.#chunk({ ...stated, choices: [] })];
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

  #chunk<Choices>(
    content: Pick<ChatChunk, "progress" | "mixing" | "selected" | "votes"> & { readonly choices: Choices },
  ) {
    return {
      ...this.#head,
      object: "chat.completion.chunk" as const,
      ...content,
      ...statedUsage(this.#plan, this.#tracker),
    };
  }

  usageChunk(): ChatChunk {
    return { ...this.#head, object: "chat.completion.chunk", choices: [], usage: this.#tracker.usage };
  }

  async whole(events: AsyncIterable<ChoiceEvent>): Promise<LongJson<ChatResponse>> {
    const { parts, stated } = await this.#tracker.whole(events);
    return longObject<ChatResponse>({
      ...{ ...this.#head, ...stated, object: "chat.completion" },
      choices: longList(() => mapLazily(parts(), (part) => this.#wholeChoice(part))),
      usage: this.#tracker.usage,
    });
  }

  /** In the order that the schema has its fields in. */
  #wholeChoice(part: ChoicePart): LongJson<ChatChoice> {
    const { logprobs, ...rest } = this.#fields(part);
    const { content, ...calls } = readMessage(part.text, this.#plan.tools);
    return longObject<ChatChoice>({
      ...{ ...rest, logprobs },
      message: { role: "assistant", content, refusal: null, ...calls },
      finish_reason: reasonOf(part.finish!, calls.tool_calls !== undefined),
    });
  }

  #fields(part: ChoicePart) {
    const { index, finish } = part;
    return {
      index,
      logprobs: this.#plan.logprobs === undefined ? null : this.#logprobs.chat(part),
      stop_reason: finish?.stop ?? null,
      ...generatedLists(this.#plan, part),
      ...statedEnd(part),
      ...finish?.report,
    };
  }
}

/** Answers that were cut off say so, whether they had begun to call tools or not. */
const reasonOf = ({ reason }: Finish, callsTools: boolean): ChatChoice["finish_reason"] =>
  callsTools && reason === "stop" ? "tool_calls" : reason;
