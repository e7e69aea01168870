import type { TokenId } from "../core/tokens.ts";
import type { TokenMask } from "../sampling/token-mask.ts";

/**
 * What a completion may be, token by token. A completion that is allowed is whole with an end token, which the
 * constraint counts among its tokens.
 */
export interface TokenConstraint {
  /** The same for what allows the same completions: a memo holds what was drawn under one. */
  readonly key: string;
  /** Before the first token of the completion. */
  readonly start: ConstraintState;
}

/** What may follow the tokens of a completion so far. */
export interface ConstraintState {
  /**
   * Tokens after which an allowed completion can still be reached; at least one, as long as no end token was read. End
   * tokens are in it where the completion may end.
   * @throws Error where telling takes more than it may
   */
  permitted(): TokenMask;
  /** @param token permitted @throws Error as `permitted` */
  after(token: TokenId): ConstraintState;
}
