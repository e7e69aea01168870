import type { TokenId, TokenIds } from "../core/tokens.ts";

/** Changes to the logits before a token is drawn. They make another law: reported log-probs stay the raw model's. */
export interface LogitAdjustments {
  /** Added to a token's logit. */
  readonly bias?: ReadonlyMap<TokenId, number>;
  /** Tokens that cannot be drawn before so many were generated: end tokens, for min_tokens. */
  readonly forbidden?: { readonly tokens: TokenIds; readonly until: number };
  /** Divides positive logits of tokens seen in prompt or completion and multiplies negative ones. */
  readonly repetitionPenalty?: number;
  /** Subtracted once per occurrence in the completion. */
  readonly frequencyPenalty?: number;
  /** Subtracted once for a token that occurs in the completion. */
  readonly presencePenalty?: number;
  /** Where in the sequence the completion begins. */
  readonly promptLength: number;
}

/** A changed copy of the logits after `sequence`, in vLLM's order: bias, forbidden, then the penalties. */
export function adjustLogits(
  logits: Float32Array,
  adjustments: LogitAdjustments,
  sequence: TokenIds,
): Float32Array {
  const {
    bias,
    forbidden,
    repetitionPenalty = 1,
    frequencyPenalty = 0,
    presencePenalty = 0,
    promptLength,
  } = adjustments;
  const adjusted = logits.slice();
  const change = (token: TokenId, to: (logit: number) => number): void => {
    const logit = adjusted[token];
    if (logit !== undefined) adjusted[token] = to(logit);
  };
  for (const [token, offset] of bias ?? []) change(token, (logit) => logit + offset);
  if (forbidden !== undefined && sequence.length - promptLength < forbidden.until) {
    for (const token of forbidden.tokens) change(token, () => -Infinity);
  }
  if (repetitionPenalty !== 1) {
    for (const token of new Set(sequence)) {
      change(token, (logit) => (logit > 0 ? logit / repetitionPenalty : logit * repetitionPenalty));
    }
  }
  if (frequencyPenalty !== 0 || presencePenalty !== 0) {
    const counts = new Map<TokenId, number>();
    for (const token of sequence.slice(promptLength)) counts.set(token, (counts.get(token) ?? 0) + 1);
    for (const [token, count] of counts)
      change(token, (logit) => logit - frequencyPenalty * count - presencePenalty);
  }
  return adjusted;
}
