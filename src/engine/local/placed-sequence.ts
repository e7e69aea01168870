import type { TokenIds } from "../../core/tokens.ts";
import type { Lane } from "../../kvcache/lanes.ts";
import type { Priority } from "../engine.ts";
import type { OpenSequence } from "./open-sequence.ts";
import type { Schedulable } from "./schedule.ts";
import type { Sequence } from "./sequence.ts";
import type { Tenant } from "./tenant.ts";

/**
 * Tokens that a sequence may run before its lane goes to a request with fewer lanes: what a request waits for at most
 * while others of its client hold all lanes; long enough to make a move to the prefix store and back worth its cost.
 */
export const turnTokens = 32;

/** As many where the lane goes to another client, which is not to wait for what this one does to its own requests. */
const shortTurnTokens = 4;

/** Another sequence, the leader, that is running the tokens up to `sharedTokens`, which both begin with. */
export interface Lead {
  readonly leader: PlacedSequence;
  readonly sharedTokens: number;
}

/** A sequence while it holds a lane. */
export class PlacedSequence implements Schedulable {
  readonly open: OpenSequence;
  readonly lane: Lane;
  /** While it waits for K/V that its leader is computing; `LaneCache` sets it. */
  lead: Lead | undefined;
  /** Tokens run since it got the lane, less those that it had run before on an earlier one. */
  #newTokens = 0;
  /** Tokens that were lost with an earlier lane. */
  #lostTokens = 0;

  constructor(open: OpenSequence, lane: Lane) {
    this.open = open;
    this.lane = lane;
  }

  get sequence(): Sequence {
    return this.open.sequence;
  }

  get tenant(): Tenant {
    return this.open.tenant;
  }

  /** Everything to be run. */
  get tokens(): TokenIds {
    return this.sequence.tokens;
  }

  /** How many of the tokens have their K/V in the lane. */
  get cached(): number {
    return this.lane.tokens.length;
  }

  get pending(): number {
    return this.tokens.length - this.cached;
  }

  get unmeasured(): number {
    return Math.max(0, this.sequence.reusableTokens - this.cached);
  }

  get isPulled(): boolean {
    return this.open.pull !== undefined;
  }

  get isFollowing(): boolean {
    return this.lead !== undefined;
  }

  get priority(): Priority {
    return this.tenant.priority;
  }

  get patienceMs(): number {
    return this.tenant.patienceMs;
  }

  get arrival(): number {
    return this.open.arrival;
  }

  get clientsLastPrefill(): number {
    return this.tenant.client.lastPrefill;
  }

  get lastPrefill(): number {
    return this.tenant.lastPrefill;
  }

  get hasHadTurn(): boolean {
    return this.#hasRun(turnTokens);
  }

  get hasHadShortTurn(): boolean {
    return this.#hasRun(shortTurnTokens);
  }

  beginTurn(): void {
    this.#lostTokens = Math.max(0, this.open.ranTokens - this.cached);
    this.#newTokens = -this.#lostTokens;
  }

  /** A turn is long enough to run again what was lost with an earlier lane, and then at least as much besides. */
  #hasRun(tokens: number): boolean {
    return this.#newTokens >= Math.max(tokens, this.#lostTokens);
  }

  /** Notes that the next `count` tokens were run. */
  run(count: number): void {
    const { lane, open } = this;
    const end = this.cached + count;
    for (let position = this.cached; position < end; position++) lane.tokens.push(this.tokens[position]!);
    open.ranTokens = Math.max(open.ranTokens, this.cached);
    this.#newTokens += count;
  }
}
