import { mostEntropy } from "../../core/tokens.ts";
import type { Tokenizer } from "../../decoder/completer.ts";
import type { GenerationPlan } from "../generation-plan.ts";
import { longList, longObject, mapLazily } from "../long-json.ts";
import type { Json, LongFields, LongJson } from "../long-json.ts";
import type { ChoiceEvent } from "../run-plan.ts";
import type { CompletionChunk } from "../schemas/chunks.ts";
import type { CompletionChoice, CompletionResponse } from "../schemas/completions.ts";
import type { Standing } from "../selection/race.ts";
import { LogprobPresenter, statedMode } from "./logprobs.ts";
import { AnswerTracker } from "./parts.ts";
import type { ChoicePart } from "./choice-tracker.ts";
import type { PlacedToken } from "./placed-tokens.ts";
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

/** Shapes answers to /v1/completions. */
export class CompletionPresenter implements Presenter<CompletionResponse, CompletionChunk> {
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
      ...statedReproducibility(plan),
    };
    this.#plan = plan;
    this.#tracker = new AnswerTracker(plan, tokenizer);
    this.#logprobs = new LogprobPresenter(tokenizer, plan);
  }

  chunks(event: ChoiceEvent): Json<CompletionChunk>[] {
    if (event.type === "progress")
      return [{ ...this.#head, choices: [], progress: progressOf(event), ...this.#usage() }];
    if (event.type === "standing") return this.#standing(event.standing);
    const part = this.#tracker.follow(event);
    if (part === undefined) return [];
    const choices = longList(() => [this.#chunkChoice(part)]);
    return [longObject<CompletionChunk>({ ...this.#head, ...statedMixing(part), choices, ...this.#usage() })];
  }

  #standing(standing: Standing): CompletionChunk[] {
    this.#tracker.note(standing);
    const stated = statedStanding(standing, this.#plan);
    return stated === undefined ? [] : [{ ...this.#head, ...stated, choices: [], ...this.#usage() }];
  }

  usageChunk(): CompletionChunk {
    return { ...this.#head, choices: [], usage: this.#tracker.usage };
  }

  async whole(events: AsyncIterable<ChoiceEvent>): Promise<LongJson<CompletionResponse>> {
    const { parts, stated } = await this.#tracker.whole(events);
    const { object, ...head } = this.#head;
    return longObject<CompletionResponse>({
      ...{ ...head, ...stated, object },
      choices: longList(() => mapLazily(parts(), (part) => this.#wholeChoice(part))),
      usage: this.#tracker.usage,
    });
  }

  #usage(): Pick<CompletionChunk, "usage"> {
    return statedUsage(this.#plan, this.#tracker);
  }

  #chunkChoice(part: ChoicePart): LongJson<CompletionChoice> {
    return longObject<CompletionChoice>(this.#fields(part));
  }

  /** In the order that the schema has its fields in. */
  #wholeChoice(part: ChoicePart): LongJson<CompletionChoice> {
    const { index, text, logprobs, finish_reason, prompt_token_ids, ...rest } = this.#fields(part);
    return longObject<CompletionChoice>({
      ...{ index, ...rest, text, logprobs, finish_reason },
      ...(prompt_token_ids === undefined ? {} : { prompt_token_ids }),
    });
  }

  #fields(part: ChoicePart): LongFields<CompletionChoice> {
    const { index, prompt, isFirst, text, finish } = part;
    const { logprobs } = this.#plan;
    const { token_ids, ...entropies } = generatedLists(this.#plan, part);
    return {
      index,
      text,
      logprobs: logprobs === undefined ? null : this.#logprobs.legacy(part),
      finish_reason: finish?.reason ?? null,
      stop_reason: finish?.stop ?? null,
      ...(token_ids === undefined ? {} : { token_ids }),
      ...(token_ids !== undefined && isFirst ? { prompt_token_ids: longList(() => prompt) } : {}),
      ...entropies,
      ...statedEnd(part),
      ...finish?.report,
    };
  }
}

/** What is told of a part's generated tokens beside their log-probs. */
export function generatedLists(
  {
    returnTokenIds,
    entropy,
    selfCertainty,
  }: Pick<GenerationPlan, "returnTokenIds" | "entropy" | "selfCertainty">,
  { generated, finish }: Pick<ChoicePart, "generated" | "finish">,
): Pick<
  LongFields<CompletionChoice>,
  "token_ids" | "entropy" | "mean_entropy" | "entropy_upper" | "mean_entropy_upper" | "self_certainty"
> {
  const each = (read: (token: PlacedToken) => number): LongJson<number[]> =>
    longList(() => mapLazily(generated, read));
  return {
    ...(returnTokenIds ? { token_ids: each(({ token }) => token) } : {}),
    ...(entropy === undefined ? {} : { entropy: each(({ score }) => score!.entropy) }),
    ...(entropy === undefined || finish === undefined ? {} : { mean_entropy: finish.meanEntropy }),
    ...(entropy === "interval" ? { entropy_upper: each(({ score }) => mostEntropy(score!)) } : {}),
    ...(entropy === "interval" && finish !== undefined
      ? { mean_entropy_upper: finish.meanEntropyUpper }
      : {}),
    ...(selfCertainty && finish !== undefined ? { self_certainty: finish.selfCertainty } : {}),
  };
}
