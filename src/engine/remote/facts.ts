import type { TopTokens } from "../../core/tokens.ts";
import type { Reproducibility } from "../engine.ts";

/** What was measured of a server. */
export interface ServerFacts {
  /**
   * Whose log-probs it reports: of the model itself, of the model with its logits adjusted, or of the law that tokens are
   * drawn from.
   */
  readonly logprobs: "raw" | "adjusted" | "sampled";
  /** How many of the likeliest tokens it reports at most. */
  readonly mostTop: number;
  /** Whether the same seed draws the same tokens. */
  readonly seedsRepeat: boolean;
  /** How far log-probs of decoding and of a prompt's pass are apart, nats; NaN where it cannot score. */
  readonly disagreement: number;
  readonly reproducibility: Exclude<Reproducibility, "bitwise">;
  /** Whether the token that ends a text is among those that it reports. */
  readonly tellsEnds: boolean;
  /** Whether it stops drawing when a call is closed; `undefined` where it does not tell. */
  readonly aborts: boolean | undefined;
  /** Whether it keeps what it has run of a prompt; `undefined` where it does not tell. */
  readonly caches: boolean | undefined;
  /** The likeliest tokens after a prompt that is always the same: another model says something else. */
  readonly fingerprint: TopTokens;
}

/** Whose log-probs a server reports, after "of". */
export const lawsInWords: Readonly<Record<ServerFacts["logprobs"], string>> = {
  raw: "the model itself",
  adjusted: "the model itself, after logit_bias",
  sampled: "the law that is drawn from",
};
