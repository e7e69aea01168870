/** What a sampler's draws have cost: the engine's meter adds to it. */
export interface DrawCost {
  /** Tokens that the model was asked for; the others were remembered. */
  evaluatedTokens: number;
}
