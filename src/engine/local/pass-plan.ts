import type { LaneCache } from "./lane-cache.ts";
import type { Sequence } from "./sequence.ts";

/** Who could take part in the next pass. */
export class PassPlan {
  /** Sequences with one token to run, or with whatever number where every pass runs one; by ascending lane. */
  readonly decoding: Sequence[] = [];
  /** How many of them answer somebody who waits. */
  interactive = 0;
  /** Whose prompt is next to have a chunk run. */
  prefill: Sequence | undefined;
  readonly #lanes: LaneCache;
  readonly #isOneTokenEach: boolean;

  constructor(lanes: LaneCache, { isOneTokenEach }: { isOneTokenEach: boolean }) {
    this.#lanes = lanes;
    this.#isOneTokenEach = isOneTokenEach;
  }

  /** Looks at the lanes anew. */
  survey(): void {
    this.decoding.length = 0;
    this.interactive = 0;
    this.prefill = undefined;
    for (const sequence of this.#lanes.holders) {
      if (sequence?.pull === undefined || this.#isBehindLeader(sequence)) continue;
      if (this.#isOneTokenEach || sequence.tokens.length - sequence.cached === 1) {
        this.decoding.push(sequence);
        if (sequence.tenant.priority === "interactive") this.interactive++;
      } else if (this.prefill === undefined || goesBefore(sequence, this.prefill)) {
        this.prefill = sequence;
      }
    }
  }

  /** A sequence whose leader has run what both begin with, or is gone, takes that over and goes on by itself. */
  #isBehindLeader(sequence: Sequence): boolean {
    const { leader } = sequence;
    if (leader === undefined) return false;
    if (leader.pull !== undefined && leader.lane !== undefined && leader.cached < sequence.sharedTokens)
      return true;
    sequence.leader = undefined;
    this.#lanes.restore(sequence);
    return false;
  }
}

/** Interactive work first; then tenants in turn; of one tenant the oldest, which others may be following. */
function goesBefore(a: Sequence, b: Sequence): boolean {
  if (a.tenant.priority !== b.tenant.priority) return a.tenant.priority === "interactive";
  if (a.tenant.lastPrefill !== b.tenant.lastPrefill) return a.tenant.lastPrefill < b.tenant.lastPrefill;
  return a.arrival < b.arrival;
}
