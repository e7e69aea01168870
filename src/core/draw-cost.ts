/** What a sampler's draws have cost: the engine's meter adds to it. */
export interface DrawCost {
  /** Tokens that the model was asked for; the others were remembered. */
  evaluatedTokens: number;
  /** How far apart the bounds of the laws were whose draws they left open, nats; absent where there was none. */
  undecidedWidth?: number;
}
