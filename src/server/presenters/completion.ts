import type { Tokenizer } from "../../decoder/generator.ts";
import type { CompletionPlan } from "../completion-plan.ts";
import type { ChoiceEvent } from "../run-plan.ts";
import type { CompletionChoice, CompletionResponse, Usage } from "../schemas/completions.ts";
import { ChoicePresenter, joinParts } from "./choice.ts";

/** What all chunks of an answer share. */
export interface AnswerHead {
  readonly id: string;
  /** Unix time, seconds. */
  readonly created: number;
}

/** Shapes an answer to /v1/completions from its choices' events. */
export class CompletionPresenter {
  readonly #head: Omit<CompletionResponse, "choices" | "usage">;
  readonly #plan: CompletionPlan;
  readonly #choices: readonly ChoicePresenter[];

  constructor(plan: CompletionPlan, tokenizer: Tokenizer, { id, created }: AnswerHead) {
    this.#head = { id, object: "text_completion", created, model: plan.modelName };
    this.#plan = plan;
    this.#choices = plan.requests.map((_, index) => new ChoicePresenter(index, plan, tokenizer));
  }

  /** The chunk that an event is streamed as, if it shows anything. */
  chunk(event: ChoiceEvent): CompletionResponse | undefined {
    const part = this.#choices[event.index]!.present(event);
    return part === undefined ? undefined : { ...this.#head, choices: [part] };
  }

  /** The chunk that ends a stream whose client asked for its usage. */
  usageChunk(): CompletionResponse {
    return { ...this.#head, choices: [], usage: this.#usage() };
  }

  /** The whole answer, from all events at once. */
  async whole(events: AsyncIterable<ChoiceEvent>): Promise<CompletionResponse> {
    const parts: CompletionChoice[][] = this.#choices.map(() => []);
    for await (const event of events) {
      const part = this.#choices[event.index]!.present(event);
      if (part !== undefined) parts[event.index]!.push(part);
    }
    return { ...this.#head, choices: parts.map(joinParts), usage: this.#usage() };
  }

  #usage(): Usage {
    const prompt = this.#plan.prompts.reduce((sum, { tokens }) => sum + tokens.length, 0);
    const completion = this.#choices.reduce((sum, { completionTokens }) => sum + completionTokens, 0);
    return { prompt_tokens: prompt, completion_tokens: completion, total_tokens: prompt + completion };
  }
}
