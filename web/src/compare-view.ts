import { samplerChoices } from "../../src/client/client.ts";
import type { CompletionResponse } from "../../src/client/client.ts";
import type { Connection } from "./connection.ts";
import { costOf } from "./cost.ts";
import { byId, element, format } from "./dom.ts";
import type { Sampler, SettingsForm } from "./settings-form.ts";
import { TokenText } from "./token-text.ts";

const compared: readonly Sampler[] = ["greedy", "low_temperature", "standard", "power"];

const labelOf = (sampler: Sampler): string => samplerChoices.find(({ name }) => name === sampler)!.label;

/** The four samplers side by side on one prompt and seed. */
export class CompareView {
  async run(connection: Connection, form: SettingsForm, signal: AbortSignal): Promise<void> {
    const place = byId("cards");
    const former = [...place.children];
    const cards = compared.map((sampler) => new Card(sampler, labelOf(sampler)));
    place.replaceChildren(...cards.map(({ root }) => root));
    let answered = 0;
    try {
      // One after the other, so that each time is its own.
      for (const card of cards) {
        const request = { ...form.request(card.sampler), logprobs: 0, entropy: true };
        const start = performance.now();
        const response = await connection.client.complete(request, { signal });
        card.show(response, performance.now() - start);
        answered++;
      }
    } finally {
      // Where nothing came of it, the last answers stay.
      if (answered === 0) place.replaceChildren(...former);
    }
  }
}

class Card {
  readonly sampler: Sampler;
  readonly root: HTMLElement;
  readonly #answer: HTMLElement;
  readonly #figures = element("dl", "figures");

  constructor(sampler: Sampler, name: string) {
    this.sampler = sampler;
    this.#answer = element("div", "answer", "…");
    this.#answer.tabIndex = 0;
    this.#answer.role = "group";
    this.#answer.ariaLabel = `Answer by ${name}; arrow keys move over its tokens`;
    this.root = element("article", "card", element("h2", "", name), this.#answer, this.#figures);
  }

  show({ choices }: CompletionResponse, milliseconds: number): void {
    const [choice] = choices;
    const { text, logprobs, entropy, entropy_upper } = choice!;
    const characters = Array.from(text);
    const { tokens, token_logprobs, text_offset } = logprobs!;
    new TokenText(this.#answer).show(
      tokens.map((_, index) => ({
        text: characters.slice(text_offset[index], text_offset[index + 1] ?? characters.length).join(""),
        logprob: token_logprobs[index] ?? null,
        entropy: entropy?.[index] ?? null,
        entropyUpper: entropy_upper?.[index],
      })),
    );
    const logprob = token_logprobs.reduce<number>((sum, value) => sum + (value ?? 0), 0);
    const figures = [
      ["log p", format(logprob)],
      ["Tokens", costOf(choice!)],
      ["Time", `${format(milliseconds, 0)} ms`],
    ];
    this.#figures.replaceChildren(
      ...figures.map(([name, value]) =>
        element("div", "", element("dt", "", name!), element("dd", "", value!)),
      ),
    );
  }
}
