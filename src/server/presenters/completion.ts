import type { Tokenizer } from "../../decoder/completer.ts";
import type { GenerationPlan } from "../generation-plan.ts";
import type { ChoiceEvent } from "../run-plan.ts";
import type { CompletionChunk } from "../schemas/chunks.ts";
import type { CompletionChoice, CompletionResponse } from "../schemas/completions.ts";
import { LogprobPresenter, statedMode } from "./logprobs.ts";
import { AnswerTracker } from "./parts.ts";
import type { ChoicePart } from "./parts.ts";
import { progressOf, statedIgnored, statedMixing, statedUsage } from "./presenter.ts";
import type { AnswerHead, Presenter } from "./presenter.ts";

/** Shapes answers to /v1/completions. */
export class CompletionPresenter implements Presenter<CompletionResponse> {
  readonly #head: Omit<CompletionResponse, "choices" | "usage">;
  readonly #plan: GenerationPlan;
  readonly #tracker: AnswerTracker;
  readonly #logprobs: LogprobPresenter;

  constructor(plan: GenerationPlan, tokenizer: Tokenizer, { id, created }: AnswerHead) {
    this.#head = {
      id: `cmpl-${id}`,
      object: "text_completion",
      created,
      model: plan.modelName,
      ...statedMode(plan),
      ...statedIgnored(plan),
    };
    this.#plan = plan;
    this.#tracker = new AnswerTracker(plan, tokenizer);
    this.#logprobs = new LogprobPresenter(tokenizer, plan);
  }

  chunks(event: ChoiceEvent): CompletionChunk[] {
    if (event.type === "progress") return [this.#chunk({ choices: [], progress: progressOf(event) })];
    const part = this.#tracker.follow(event);
    return part === undefined ? [] : [this.#chunk({ ...statedMixing(part), choices: [this.#choice(part)] })];
  }

  usageChunk(): CompletionChunk {
    return { ...this.#head, choices: [], usage: this.#tracker.usage };
  }

  async whole(events: AsyncIterable<ChoiceEvent>): Promise<CompletionResponse> {
    const { parts, ...mixing } = await this.#tracker.whole(events);
    const choices = parts.map((part) => this.#choice(part));
    return { ...this.#head, ...mixing, choices, usage: this.#tracker.usage };
  }

  #chunk(content: Pick<CompletionChunk, "choices" | "progress" | "mixing">): CompletionChunk {
    return { ...this.#head, ...content, ...statedUsage(this.#plan, this.#tracker) };
  }

  #choice(part: ChoicePart): CompletionChoice {
    const { index, prompt, isFirst, text, generated, finish } = part;
    const { logprobs, returnTokenIds, entropy } = this.#plan;
    return {
      index,
      text,
      logprobs: logprobs === undefined ? null : this.#logprobs.legacy(part),
      finish_reason: finish?.reason ?? null,
      stop_reason: finish?.stop ?? null,
      ...(returnTokenIds ? { token_ids: [...generated] } : {}),
      ...(returnTokenIds && isFirst ? { prompt_token_ids: [...prompt] } : {}),
      ...(entropy ? { entropy: entropies(part) } : {}),
      ...(entropy && finish !== undefined ? { mean_entropy: finish.meanEntropy } : {}),
      ...finish?.report,
    };
  }
}

/** Entropies of a part's generated tokens, which stand at its end. */
export function entropies({ tokens, generated }: ChoicePart): number[] {
  return tokens.slice(tokens.length - generated.length).map(({ score }) => score!.entropy);
}
