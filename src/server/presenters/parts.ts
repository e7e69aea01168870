import type { Tokenizer } from "../../decoder/completer.ts";
import type { GenerationPlan } from "../generation-plan.ts";
import type { ChoiceEvent } from "../run-plan.ts";
import type { PromptMixing, Usage } from "../schemas/completions.ts";
import { ChoiceTracker } from "./choice-tracker.ts";
import type { ChoicePart } from "./choice-tracker.ts";
import { echoOf } from "./echo.ts";
import type { Echo } from "./echo.ts";
import { promptMixing } from "./mixing.ts";

/** Turns the events of a plan's choices into parts, and into whole choices. */
export class AnswerTracker {
  readonly #plan: GenerationPlan;
  readonly #choices: readonly ChoiceTracker[];

  constructor(plan: GenerationPlan, tokenizer: Tokenizer) {
    this.#plan = plan;
    // One for all choices of a prompt.
    const echoes = plan.prompts.map((prompt, index) => {
      const written = plan.texts?.[index];
      const isWhole = plan.requests[index * plan.candidates]!.maxTokens === 0;
      let echo: Echo | undefined;
      return (): Echo => (echo ??= echoOf(prompt, tokenizer, { written, isWhole }));
    });
    this.#choices = plan.requests.map(
      ({ prompt }, index) => new ChoiceTracker(index, prompt, echoes[Math.floor(index / plan.candidates)]!),
    );
  }

  follow(event: ChoiceEvent): ChoicePart | undefined {
    const part = this.#choices[event.index]!.follow(event);
    if (part?.finish === undefined) return part;
    const mixing = this.#mixingOf(Math.floor(event.index / this.#plan.candidates));
    return mixing === undefined ? part : { ...part, mixing };
  }

  /**
   * Every choice as one part, made of what a stream would have sent, and only when it is read. Of best_of candidates, the
   * n likeliest.
   */
  async whole(
    events: AsyncIterable<ChoiceEvent>,
  ): Promise<{ parts: () => Iterable<ChoicePart>; mixing?: PromptMixing[] }> {
    const { logprobs, entropy, returnTokenIds, prompts } = this.#plan;
    const showsTokens = logprobs !== undefined || entropy !== undefined || returnTokenIds;
    for await (const event of events) this.#choices[event.index]!.keep(event, showsTokens);
    const mixing = prompts.flatMap((_, prompt) => this.#mixingOf(prompt) ?? []);
    const shown = this.#likeliest();
    const choices = this.#choices;
    const parts = function* (): Generator<ChoicePart, void, undefined> {
      for (const [index, candidate] of shown.entries()) yield choices[candidate]!.whole(index);
    };
    return { parts, ...(mixing.length === 0 ? {} : { mixing }) };
  }

  get usage(): Usage {
    const prompt = this.#plan.prompts.reduce((sum, { length }) => sum + length, 0);
    const completion = this.#choices.reduce((sum, { tokens }) => sum + tokens, 0);
    return { prompt_tokens: prompt, completion_tokens: completion, total_tokens: prompt + completion };
  }

  /** Once all chains of a prompt have finished, if they are several. */
  #mixingOf(prompt: number): PromptMixing | undefined {
    const own = this.#candidatesOf(prompt);
    const chains = own.flatMap((index) => this.#choices[index]!.chain ?? []);
    return own.length < 2 || chains.length < own.length ? undefined : promptMixing(prompt, chains);
  }

  #candidatesOf(prompt: number): number[] {
    const { candidates } = this.#plan;
    return Array.from({ length: candidates }, (_, index) => prompt * candidates + index);
  }

  #likeliest(): number[] {
    const { prompts, candidates, n } = this.#plan;
    return prompts.flatMap((_, prompt) => {
      const own = this.#candidatesOf(prompt);
      if (candidates === n) return own;
      return own.sort((a, b) => this.#choices[b]!.logprob - this.#choices[a]!.logprob).slice(0, n);
    });
  }
}
