import type { Tokenizer } from "../../decoder/completer.ts";
import type { GenerationPlan } from "../generation-plan.ts";
import type { ChoiceEvent } from "../run-plan.ts";
import type { PromptMixing, Usage } from "../schemas/completions.ts";
import type { Selected, Votes } from "../schemas/selection.ts";
import type { Standing } from "../selection/race.ts";
import { ChoiceTracker } from "./choice-tracker.ts";
import type { ChoicePart } from "./choice-tracker.ts";
import { echoOf } from "./echo.ts";
import type { Echo } from "./echo.ts";
import { promptMixing } from "./mixing.ts";
import { statedSelection } from "./selection.ts";

interface WholeParts {
  readonly parts: () => Iterable<ChoicePart>;
  /** What is told of them together. */
  readonly stated: { mixing?: PromptMixing[]; selected?: Selected[]; votes?: Votes[] };
}

/** Turns the events of a plan's choices into parts, and into whole choices. */
export class AnswerTracker {
  readonly #plan: GenerationPlan;
  readonly #choices: readonly ChoiceTracker[];
  /** By prompt, the latest. */
  readonly #standings = new Map<number, Standing>();

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

  /** Every choice as one part, made of what a stream would have sent, and only when it is read. */
  async whole(events: AsyncIterable<ChoiceEvent>): Promise<WholeParts> {
    const { logprobs, entropy, returnTokenIds, prompts, n } = this.#plan;
    const showsTokens = logprobs !== undefined || entropy !== undefined || returnTokenIds;
    for await (const event of events) {
      if (event.type === "standing") this.note(event.standing);
      // What chains do is no part of an answer, and of candidates has numbers that no choice has.
      else if (event.type !== "progress" && event.type !== "trace")
        this.#choices[event.index]!.keep(event, showsTokens);
    }
    const standings = [...this.#standings.values()];
    const mixing =
      standings.length > 0
        ? standings.flatMap(({ mixing: own }) => own ?? [])
        : prompts.flatMap((_, prompt) => this.#mixingOf(prompt) ?? []);
    const choices = this.#choices;
    const parts = function* (): Generator<ChoicePart, void, undefined> {
      for (const choice of choices) yield choice.whole();
    };
    return {
      parts,
      stated: { ...(mixing.length === 0 ? {} : { mixing }), ...statedSelection(standings, n) },
    };
  }

  /** Takes note of how the candidates of a prompt stand. */
  note(standing: Standing): void {
    this.#standings.set(standing.prompt, standing);
  }

  get usage(): Usage {
    const prompt = this.#plan.prompts.reduce((sum, { length }) => sum + length, 0);
    const drawn = this.#plan.selection === undefined ? this.#choices : [...this.#standings.values()];
    const completion = drawn.reduce((sum, { tokens }) => sum + tokens, 0);
    return { prompt_tokens: prompt, completion_tokens: completion, total_tokens: prompt + completion };
  }

  /** Once all chains of a prompt have finished, if they are several. Candidates' own is told with how they stand. */
  #mixingOf(prompt: number): PromptMixing | undefined {
    if (this.#plan.selection !== undefined) return undefined;
    const own = this.#candidatesOf(prompt);
    const chains = own.flatMap((index) => this.#choices[index]!.chain ?? []);
    return own.length < 2 || chains.length < own.length ? undefined : promptMixing(prompt, chains);
  }

  #candidatesOf(prompt: number): number[] {
    const { candidates } = this.#plan;
    return Array.from({ length: candidates }, (_, index) => prompt * candidates + index);
  }
}
