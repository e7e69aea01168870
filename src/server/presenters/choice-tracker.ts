import { mostEntropy } from "../../core/tokens.ts";
import type { TokenId, TokenIds } from "../../core/tokens.ts";
import type { MixingTrace } from "../../decoder/completer.ts";
import type { Reports } from "../../samplers/registry.ts";
import type { ChoiceEvent } from "../run-plan.ts";
import type { PromptMixing } from "../schemas/completions.ts";
import type { Echo } from "./echo.ts";
import { generatedTokens, joined, noTokens, promptTokens } from "./placed-tokens.ts";
import type { PlacedTokens } from "./placed-tokens.ts";

export interface Finish {
  readonly reason: "stop" | "length";
  readonly stop: string | TokenId | null;
  /** Why it ended before its sampler was through. */
  readonly endedEarly?: "shutdown";
  /** Mean entropy of the generated tokens, nats, and the most that it may be; 0 without any. */
  readonly meanEntropy: number;
  readonly meanEntropyUpper: number;
  /** Mean of the tokens' self-certainty, nats; 0 without any token, NaN where it was not asked for. */
  readonly selfCertainty: number;
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
  readonly tokens: PlacedTokens;
  /** Those among them that were generated, not echoed. */
  readonly generated: PlacedTokens;
  readonly finish?: Finish;
  /** With the finish of the last of several chains of a prompt. */
  readonly mixing?: PromptMixing;
}

/** What of an event a choice shows; an echo is made when it is read. */
interface Content {
  readonly text: () => string;
  readonly tokens: PlacedTokens;
  readonly generated: PlacedTokens;
  readonly finish?: Finish;
}

/** Follows one choice from event to event. */
export class ChoiceTracker {
  readonly #index: number;
  readonly #prompt: TokenIds;
  readonly #echo: () => Echo;
  #hasEcho = false;
  #text = "";
  #isFirst = true;
  #entropySum = 0;
  #mostEntropySum = 0;
  #certaintySum = 0;
  readonly #kept: Content[] = [];
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
    const content = this.#contentOf(event);
    if (content === undefined) return undefined;
    const text = content.text();
    this.#text += text;
    const isFirst = this.#isFirst;
    this.#isFirst = false;
    return {
      ...content,
      index: this.#index,
      prompt: this.#prompt,
      isFirst,
      text,
      textSoFar: this.#text,
    };
  }

  /** Keeps what an event shows for `whole`, its tokens only where they are wanted. */
  keep(event: ChoiceEvent, withTokens: boolean): void {
    const content = this.#contentOf(event);
    if (content === undefined) return;
    this.#kept.push(withTokens ? content : { ...content, tokens: noTokens, generated: noTokens });
  }

  /** All that was kept, as one part. */
  whole(): ChoicePart {
    const finish = this.#kept.at(-1)?.finish;
    if (finish === undefined) throw new Error("a choice ends with its finish");
    const text = this.#kept.map((content) => content.text()).join("");
    return {
      index: this.#index,
      prompt: this.#prompt,
      isFirst: true,
      text,
      textSoFar: text,
      tokens: joined(this.#kept.map(({ tokens }) => tokens)),
      generated: joined(this.#kept.map(({ generated }) => generated)),
      finish,
    };
  }

  #contentOf(event: ChoiceEvent): Content | undefined {
    switch (event.type) {
      case "prompt": {
        this.#hasEcho = true;
        const tokens = promptTokens(this.#prompt, this.#echo, event.scores);
        return { text: () => this.#echo().text, tokens, generated: noTokens };
      }
      case "text": {
        const { text, tokens: scored } = event;
        if (scored.length === 0 && text === "") return undefined;
        for (const token of scored) {
          this.tokens++;
          this.logprob += token.logprob;
          this.#entropySum += token.entropy;
          this.#mostEntropySum += mostEntropy(token);
          this.#certaintySum += token.selfCertainty ?? NaN;
        }
        const tokens = generatedTokens(scored, () => (this.#hasEcho ? this.#echo().text.length : 0));
        return { text: () => text, tokens, generated: tokens };
      }
      case "progress":
      case "standing":
      case "trace":
        return undefined;
      case "finish": {
        const { reason, stop, report, chain, endedEarly } = event;
        this.chain = chain;
        const meanOf = (sum: number): number => (this.tokens === 0 ? 0 : sum / this.tokens);
        const meanEntropy = meanOf(this.#entropySum);
        const meanEntropyUpper = meanOf(this.#mostEntropySum);
        const selfCertainty = meanOf(this.#certaintySum);
        const ended = endedEarly === undefined ? {} : { endedEarly };
        const finish = { reason, stop, meanEntropy, meanEntropyUpper, selfCertainty, report, ...ended };
        return { text: () => "", tokens: noTokens, generated: noTokens, finish };
      }
    }
  }
}
