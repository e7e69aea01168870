import type { Pull } from "./pulls.ts";
import type { Sequence } from "./sequence.ts";
import type { Tenant } from "./tenant.ts";

export interface OpenSequenceOptions {
  /** Its abort rejects what is pulled of the sequence. */
  readonly signal: AbortSignal;
  /** The request that it belongs to. */
  readonly tenant: Tenant;
  /** Its number among all that were opened. */
  readonly arrival: number;
}

/** A sequence that the scheduler knows of, from open to close, whether it holds a lane or not. */
export class OpenSequence {
  readonly sequence: Sequence;
  readonly signal: AbortSignal;
  readonly tenant: Tenant;
  readonly arrival: number;
  /** The pull under way, while a caller waits for what the sequence wants next; `Pulls` sets it. */
  pull: Pull | undefined;
  /** The most tokens that it ever had cached; `PlacedSequence` sets it. */
  ranTokens = 0;

  constructor(sequence: Sequence, { signal, tenant, arrival }: OpenSequenceOptions) {
    this.sequence = sequence;
    this.signal = signal;
    this.tenant = tenant;
    this.arrival = arrival;
  }
}
