import type { TokenId, TokenIds } from "../../core/tokens.ts";
import type { Sampling } from "../../sampling/distribution.ts";
import type { Connection } from "./connection.ts";
import type { Dialect, DrawCall, ReportedToken } from "./dialect.ts";
import { garbage } from "./remote-error.ts";

export interface ProbeSettings {
  readonly server: Connection;
  readonly dialect: Dialect;
  readonly model: string;
  /** Tokens that the model has, at least. */
  readonly vocabularySize: number;
  /** Prompt and completion together, tokens. */
  readonly contextLength: number;
  readonly signal: AbortSignal;
}

/**
 * Ids of a prompt that is always the same: among the first of the vocabulary, which in large ones are ordinary
 * characters, where special tokens stand at an end.
 */
export function probePrompt(vocabularySize: number, length: number): TokenIds {
  const isLarge = vocabularySize >= 300;
  return Array.from({ length }, (_, index) =>
    isLarge ? 40 + ((index * 37) % 200) : (1 + index * 5) % vocabularySize,
  );
}

/** Of a probe's prompts, tokens. */
const usualLength = 16;

/** What a probe asks: tokens after one prompt. */
export class ProbeCalls {
  readonly settings: ProbeSettings;
  readonly prompt: TokenIds;
  #seed = 0;

  constructor(settings: ProbeSettings) {
    this.settings = settings;
    const { vocabularySize, contextLength } = settings;
    this.prompt = probePrompt(vocabularySize, Math.min(usualLength, Math.max(1, contextLength >> 1)));
  }

  /** Tokens that a draw after the prompt has room for. */
  roomFor(tokens: number): number {
    return Math.min(tokens, this.settings.contextLength - this.prompt.length);
  }

  /** @returns all that it draws; with a seed of its own where none is given */
  async draw(changes: Partial<DrawCall>): Promise<readonly ReportedToken[]> {
    const all: ReportedToken[] = [];
    for await (const tokens of this.stream(changes, this.settings.signal)) all.push(...tokens);
    return all;
  }

  /** One token. */
  async drawOne(changes: Partial<DrawCall>): Promise<ReportedToken> {
    const [first] = await this.draw({ ...changes, maxTokens: 1 });
    if (first === undefined) throw garbage("it ended without a token");
    return first;
  }

  stream(changes: Partial<DrawCall>, signal: AbortSignal): AsyncIterable<readonly ReportedToken[]> {
    const { server, dialect, model } = this.settings;
    const call: DrawCall = {
      model,
      session: "probe",
      prefix: this.prompt,
      maxTokens: 1,
      endTokens: [],
      sampling: { inverseTemperature: 1 },
      without: [],
      seed: this.#seed++,
      topCount: 1,
      ...changes,
    };
    return dialect.draw(server, call, signal);
  }
}

/** The model's own law with some logits raised. */
export const biased = (bias: Iterable<readonly [TokenId, number]>): Sampling => ({
  inverseTemperature: 1,
  adjustments: { bias: new Map(bias), promptLength: 0 },
});
