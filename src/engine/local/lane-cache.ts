import { commonPrefixLength } from "../../core/prefix.ts";
import { wholeOf } from "../../kvcache/kv-memory.ts";
import type { KvMemory } from "../../kvcache/kv-memory.ts";
import { LaneTable } from "../../kvcache/lanes.ts";
import type { Lane } from "../../kvcache/lanes.ts";
import { PrefixStore } from "../../kvcache/prefix-store.ts";
import { wouldJoin } from "./join-prompts.ts";
import type { PromptContext } from "./join-prompts.ts";
import type { OpenSequence } from "./open-sequence.ts";
import { PlacedSequence } from "./placed-sequence.ts";
import type { Lead } from "./placed-sequence.ts";

/** Which sequence holds which lane, and the K/V that moves between lanes and prefix store. */
export class LaneCache {
  readonly store: PrefixStore;
  readonly #memory: KvMemory;
  readonly #prompts: PromptContext;
  readonly #lanes: LaneTable;
  /** By lane. */
  readonly #holders: (PlacedSequence | undefined)[];
  readonly #bySequence = new Map<OpenSequence, PlacedSequence>();
  #isLost = false;

  /** @param prompts what may share a pass, and at what cost */
  constructor(memory: KvMemory, storeBytes: number, prompts: PromptContext) {
    this.#memory = memory;
    this.#prompts = prompts;
    this.#lanes = new LaneTable(memory.lanes, memory.capacity);
    this.store = new PrefixStore(storeBytes);
    this.#holders = Array.from({ length: memory.lanes }, () => undefined);
  }

  get total(): number {
    return this.#lanes.total;
  }

  get leased(): number {
    return this.#lanes.leased;
  }

  /** The sequences that hold lanes, by lane. */
  get placed(): readonly PlacedSequence[] {
    return this.#holders.filter((holder) => holder !== undefined);
  }

  /** The sequence as it holds a lane; `undefined` when it does not. */
  placedOf(open: OpenSequence): PlacedSequence | undefined {
    return this.#bySequence.get(open);
  }

  /**
   * Gives the sequence a free lane and what is cached of its tokens. Where another sequence is about to run tokens
   * that both begin with, it waits for that one's K/V.
   * @throws Error when no lane is free
   */
  hold(open: OpenSequence): PlacedSequence {
    const lane = this.#lanes.acquire(open.sequence.tokens);
    if (lane === undefined) throw new Error("no lane is free");
    const placed = new PlacedSequence(open, lane);
    this.#restore(placed);
    placed.lead = this.#findLead(placed);
    this.#holders[lane.index] = placed;
    this.#bySequence.set(open, placed);
    return placed;
  }

  /** Lets sequences whose leader has run what both begin with, or is gone, take that over and go on by themselves. */
  endLeads(): void {
    for (const placed of this.#holders) {
      if (placed?.lead === undefined || !placed.isPulled || this.#isAhead(placed.lead)) continue;
      placed.lead = undefined;
      this.#restore(placed);
    }
  }

  /** Shortens what a sequence has cached to its first `length` tokens; those after them will be run again. */
  truncate({ lane }: PlacedSequence, length: number): void {
    this.#memory.truncate(lane.index, length);
    lane.tokens.length = length;
  }

  /** Takes the lane away; its K/V stays behind in the prefix store. */
  release({ open, lane }: PlacedSequence): void {
    if (!this.#isLost) {
      this.store.insert(lane.tokens, (from, to) => this.#memory.read(lane.index, from, to));
    }
    this.#lanes.release(lane);
    this.#holders[lane.index] = undefined;
    this.#bySequence.delete(open);
  }

  /** After a failure or a stop the memory may be gone, and no sequence will run on what was in it. */
  abandon(): void {
    this.#isLost = true;
  }

  /** @throws Error naming the broken invariant; run when no sequence is open. */
  checkIntegrity(): void {
    this.#lanes.checkIntegrity(0);
    if (this.store.isCheckDue) this.store.checkIntegrity();
    const holder = this.#holders.findIndex((sequence) => sequence !== undefined);
    if (holder >= 0) throw new Error(`lane ${holder} is held by a sequence that is gone`);
    for (let index = 0; index < this.total; index++) {
      const [claimed, held] = [this.#lanes.at(index).tokens.length, this.#memory.length(index)];
      if (claimed > held) throw new Error(`lane ${index} claims ${claimed} tokens, but holds ${held}`);
    }
  }

  /** Brings the longest prefix that is cached anywhere into the sequence's lane. */
  #restore(placed: PlacedSequence): void {
    const { lane, tokens } = placed;
    const limit = placed.sequence.reusableTokens;
    const own = Math.min(limit, commonPrefixLength(lane.tokens, tokens));
    let cached = own;
    let source: Lane | undefined;
    for (let index = 0; index < this.total && cached < limit; index++) {
      const other = this.#lanes.at(index);
      const shared = Math.min(limit, commonPrefixLength(other.tokens, tokens));
      if (shared <= cached) continue;
      source = other;
      cached = shared;
    }
    if (source !== undefined) this.#copy(source, lane, { from: own, to: cached });
    for (const part of this.store.match(tokens, limit).parts) {
      const end = part.at + (part.to - part.from);
      if (end <= cached) continue;
      const skipped = Math.max(0, cached - part.at);
      this.#memory.write(lane.index, part.at + skipped, { ...part, from: part.from + skipped });
      cached = end;
    }
    lane.tokens.length = own;
    for (let position = own; position < cached; position++) lane.tokens.push(tokens[position]!);
    // Forgets what the lane's last holder had beyond the prefix that both share.
    this.#memory.truncate(lane.index, cached);
  }

  /** Brings tokens `from`..`to` of one lane into another, which has those before; the whole prefix if most is new. */
  #copy(source: Lane, target: Lane, { from, to }: { from: number; to: number }): void {
    if (to - from > from) this.#memory.copyLane(source.index, target.index, to);
    else this.#memory.write(target.index, from, wholeOf(this.#memory.read(source.index, from, to)));
  }

  /**
   * The leader of a sequence that gets a lane: of those about to run tokens that both begin with, the one that shares
   * most of them. Interactive work does not follow batch work, whose turn comes later, and no sequence one that it had
   * best run along with. A follower was placed later than its leader, so that no two wait for each other.
   */
  #findLead(follower: PlacedSequence): Lead | undefined {
    const { sequence, tokens, cached, priority } = follower;
    const { reusableTokens: limit } = sequence;
    let lead: Lead | undefined;
    for (const leader of this.#holders) {
      if (leader?.isPulled !== true || leader.cached < cached || leader.pending === 1) continue;
      if (leader.priority === "batch" && priority === "interactive") continue;
      const sharedTokens = Math.min(limit, commonPrefixLength(leader.tokens, tokens));
      if (sharedTokens <= Math.max(lead?.sharedTokens ?? cached, leader.cached)) continue;
      if (wouldJoin(leader, { follower, sharedTokens }, this.#prompts)) continue;
      lead = { leader, sharedTokens };
    }
    return lead;
  }

  /** Whether a leader still holds its lane, is pulled, and has not yet run all that it shares. */
  #isAhead({ leader, sharedTokens }: Lead): boolean {
    return this.placedOf(leader.open) === leader && leader.isPulled && leader.cached < sharedTokens;
  }
}
