/** Whose request it is, and how long it is waited for. */
export interface Caller {
  /** As `IdentifyClient` tells clients apart: limits and shares go by it. */
  readonly client: string;
  /** Aborted when the client leaves, cancels, or its time is up. */
  readonly signal: AbortSignal;
}
