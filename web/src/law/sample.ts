import type { CompletionResponse } from "../../../src/client/client.ts";

type Choice = CompletionResponse["choices"][number];

/** A whole answer among those drawn from the model itself. */
export interface SeenAnswer {
  readonly text: string;
  /** log p of the whole, nats: known exactly, however often it was drawn. */
  readonly logprob: number;
  /** log p of each of its tokens, and of the likeliest in its place, itself among them. */
  readonly steps: readonly { readonly logprob: number; readonly top: readonly number[] }[];
  count: number;
}

/** Answers drawn at temperature 1, each told once. */
export class Sample {
  readonly #answers = new Map<string, SeenAnswer>();
  #drawn = 0;
  #cutOff = 0;

  get answers(): readonly SeenAnswer[] {
    return [...this.#answers.values()];
  }

  /** How many were drawn, repeated ones included. */
  get drawn(): number {
    return this.#drawn;
  }

  /** Those among them that max_tokens ended. */
  get cutOff(): number {
    return this.#cutOff;
  }

  /** Probability that the answers seen have together under the model. */
  get mass(): number {
    return Math.min(
      1,
      this.answers.reduce((sum, { logprob }) => sum + Math.exp(logprob), 0),
    );
  }

  /** The likeliest whole answer that was seen. */
  get likeliest(): SeenAnswer | undefined {
    return this.answers.toSorted((a, b) => b.logprob - a.logprob)[0];
  }

  /** @param choice asked for with log-probs */
  add({ text, logprobs, finish_reason }: Choice): void {
    if (logprobs === null) return;
    this.#drawn++;
    if (finish_reason === "length") this.#cutOff++;
    const { tokens, token_logprobs, top_logprobs } = logprobs;
    const key = tokens.join("\0");
    const seen = this.#answers.get(key);
    if (seen !== undefined) {
      seen.count++;
      return;
    }
    const steps = token_logprobs.map((logprob, index) => ({
      logprob: logprob ?? 0,
      top: Object.values(top_logprobs[index] ?? {}),
    }));
    const logprob = steps.reduce((sum, step) => sum + step.logprob, 0);
    this.#answers.set(key, { text, logprob, steps, count: 1 });
  }
}
