import type { ScoredToken, TokenId, TokenIds } from "../../core/tokens.ts";
import type { MixingTrace, Tokenizer } from "../../decoder/completer.ts";
import type { Reports } from "../../samplers/registry.ts";
import type { GenerationPlan } from "../generation-plan.ts";
import type { ChoiceEvent } from "../run-plan.ts";
import type { PromptMixing, Usage } from "../schemas/completions.ts";
import { echoOf } from "./echo.ts";
import type { Echo } from "./echo.ts";
import { promptMixing } from "./mixing.ts";

/** A token with the place of its text, in UTF-16 units; without a score where it is the first of a prompt. */
export interface PlacedToken {
  readonly token: TokenId;
  readonly offset: number;
  readonly score: ScoredToken | undefined;
}

export interface Finish {
  readonly reason: "stop" | "length";
  readonly stop: string | TokenId | null;
  /** Mean entropy of the generated tokens, nats; 0 without any. */
  readonly meanEntropy: number;
  /** That of the sampler, under its name. */
  readonly report: Reports;
}

/** What an event adds to a choice, before any endpoint gives it its shape. */
export interface ChoicePart {
  readonly index: number;
  /** That the choice completes. */
  readonly prompt: TokenIds;
  readonly isFirst: boolean;
  readonly text: string;
  /** All text of the choice up to here, echoed prompt included: what token offsets point into. */
  readonly textSoFar: string;
  readonly tokens: readonly PlacedToken[];
  /** Ids of the tokens among them that were generated, not echoed. */
  readonly generated: TokenIds;
  readonly finish?: Finish;
  /** With the finish of the last of several chains of a prompt. */
  readonly mixing?: PromptMixing;
}

/** Follows one choice from event to event. */
class ChoiceTracker {
  readonly #index: number;
  readonly #prompt: TokenIds;
  readonly #echo: () => Echo;
  #text = "";
  #echoLength = 0;
  #isFirst = true;
  #entropySum = 0;
  tokens = 0;
  /** Σ log p of the generated tokens. */
  logprob = 0;
  /** Of a chain that has finished. */
  chain: MixingTrace | undefined;

  constructor(index: number, prompt: TokenIds, echo: () => Echo) {
    this.#index = index;
    this.#prompt = prompt;
    this.#echo = echo;
  }

  /** `undefined` for an event that shows nothing. */
  follow(event: ChoiceEvent): ChoicePart | undefined {
    switch (event.type) {
      case "prompt": {
        const { tokens, text } = this.#echo();
        this.#echoLength = text.length;
        return this.#part({
          text,
          tokens: tokens.map((token, position) => ({ ...token, score: event.scores[position - 1] })),
          generated: [],
        });
      }
      case "text": {
        if (event.tokens.length === 0 && event.text === "") return undefined;
        for (const { logprob, entropy } of event.tokens) {
          this.tokens++;
          this.logprob += logprob;
          this.#entropySum += entropy;
        }
        return this.#part({
          text: event.text,
          tokens: event.tokens.map((score) => ({
            token: score.token,
            offset: this.#echoLength + score.offset,
            score,
          })),
          generated: event.tokens.map(({ token }) => token),
        });
      }
      case "progress":
      case "trace":
        return undefined;
      case "finish": {
        const { reason, stop, report } = event;
        this.chain = event.chain;
        const finish = {
          reason,
          stop,
          meanEntropy: this.tokens === 0 ? 0 : this.#entropySum / this.tokens,
          report,
        };
        return { ...this.#part({ text: "", tokens: [], generated: [] }), finish };
      }
    }
  }

  #part(content: Pick<ChoicePart, "text" | "tokens" | "generated">): ChoicePart {
    const isFirst = this.#isFirst;
    this.#isFirst = false;
    this.#text += content.text;
    return { index: this.#index, prompt: this.#prompt, isFirst, textSoFar: this.#text, ...content };
  }
}

/** Turns the events of a plan's choices into parts, and parts into whole choices. */
export class AnswerTracker {
  readonly #plan: GenerationPlan;
  readonly #choices: readonly ChoiceTracker[];

  constructor(plan: GenerationPlan, tokenizer: Tokenizer) {
    this.#plan = plan;
    this.#choices = plan.requests.map(({ prompt, maxTokens }, index) => {
      const written = plan.texts?.[Math.floor(index / plan.candidates)];
      const echo = (): Echo => echoOf(prompt, tokenizer, { written, isWhole: maxTokens === 0 });
      return new ChoiceTracker(index, prompt, echo);
    });
  }

  follow(event: ChoiceEvent): ChoicePart | undefined {
    const part = this.#choices[event.index]!.follow(event);
    if (part?.finish === undefined) return part;
    const mixing = this.#mixingOf(Math.floor(event.index / this.#plan.candidates));
    return mixing === undefined ? part : { ...part, mixing };
  }

  /** Every choice as one part, made of what a stream would have sent. Of best_of candidates, the n likeliest. */
  async whole(events: AsyncIterable<ChoiceEvent>): Promise<{ parts: ChoicePart[]; mixing?: PromptMixing[] }> {
    const parts: ChoicePart[][] = this.#choices.map(() => []);
    for await (const event of events) {
      const part = this.follow(event);
      if (part !== undefined) parts[event.index]!.push(part);
    }
    const mixing = this.#plan.prompts.flatMap((_, prompt) => this.#mixingOf(prompt) ?? []);
    return {
      parts: this.#likeliest().map((candidate, index) => ({ ...joinParts(parts[candidate]!), index })),
      ...(mixing.length === 0 ? {} : { mixing }),
    };
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

function joinParts(parts: readonly ChoicePart[]): ChoicePart {
  const text = parts.map((part) => part.text).join("");
  const finish = parts.at(-1)?.finish;
  if (finish === undefined) throw new Error("a choice ends with its finish");
  return {
    index: parts[0]!.index,
    prompt: parts[0]!.prompt,
    isFirst: true,
    text,
    textSoFar: text,
    tokens: parts.flatMap(({ tokens }) => tokens),
    generated: parts.flatMap(({ generated }) => generated),
    finish,
  };
}
