import { commonPrefixLength } from "../../core/prefix.ts";
import type { KvMemory } from "../../kvcache/kv-memory.ts";
import { LaneTable } from "../../kvcache/lanes.ts";
import type { Lane } from "../../kvcache/lanes.ts";
import { PrefixStore } from "../../kvcache/prefix-store.ts";
import type { Sequence } from "./sequence.ts";

/** Which sequence holds which lane, and the K/V that moves between lanes and prefix store. */
export class LaneCache {
  readonly store: PrefixStore;
  readonly #memory: KvMemory;
  readonly #lanes: LaneTable;
  readonly #holders: (Sequence | undefined)[];
  #isLost = false;

  constructor(memory: KvMemory, storeBytes: number) {
    this.#memory = memory;
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

  /** By lane. */
  get holders(): readonly (Sequence | undefined)[] {
    return this.#holders;
  }

  at(index: number): Lane {
    return this.#lanes.at(index);
  }

  /**
   * Gives the sequence a free lane and what is cached of its tokens. Where another sequence is about to run tokens
   * that both begin with, it waits for that one's K/V.
   * @returns whether a lane was free
   */
  hold(sequence: Sequence): boolean {
    const lane = this.#lanes.acquire(sequence.tokens);
    if (lane === undefined) return false;
    this.#holders[lane.index] = sequence;
    sequence.lane = lane;
    sequence.cached = 0;
    this.restore(sequence);
    this.#follow(sequence);
    return true;
  }

  /** Brings the longest prefix that is cached anywhere into the sequence's lane. */
  restore(sequence: Sequence): void {
    const { tokens, reusableTokens: limit } = sequence;
    const lane = sequence.lane!;
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
      this.#memory.write(lane.index, part.at + skipped, part.slice, part.from + skipped, part.to);
      cached = end;
    }
    lane.tokens.length = 0;
    for (let position = 0; position < cached; position++) lane.tokens.push(tokens[position]!);
    sequence.cached = cached;
  }

  /** Takes the lane away; its K/V stays behind in the prefix store. */
  release(sequence: Sequence): void {
    const lane = sequence.lane!;
    if (!this.#isLost) {
      this.store.insert(lane.tokens, (from, to) => this.#memory.read(lane.index, from, to));
    }
    this.#lanes.release(lane);
    this.#holders[lane.index] = undefined;
    sequence.lane = undefined;
    sequence.leader = undefined;
    sequence.cached = 0;
  }

  /** After a failure or a stop the memory may be gone, and nobody will ask for what was in it. */
  abandon(): void {
    this.#isLost = true;
  }

  /**
   * Moves the highest of some sequences, given by ascending lane, into free lower lanes, so that fewer idle rows
   * stand between, and puts them in order again.
   */
  compact(sequences: Sequence[]): void {
    const count = sequences.length;
    let hasMoved = false;
    for (let last = count - 1; last >= 0; last--) {
      const sequence = sequences[last]!;
      const source = sequence.lane!;
      const target = source.index < count ? undefined : this.#lanes.lowestFree();
      if (target === undefined || target.index >= count) break;
      this.#memory.copyLane(source.index, target.index, sequence.cached);
      target.tokens.splice(0, target.tokens.length, ...source.tokens);
      this.#lanes.lease(target);
      this.#lanes.release(source);
      this.#holders[target.index] = sequence;
      this.#holders[source.index] = undefined;
      sequence.lane = target;
      hasMoved = true;
    }
    if (hasMoved) sequences.sort((a, b) => a.lane!.index - b.lane!.index);
  }

  /** @throws Error naming the broken invariant; run when no sequence is open. */
  checkIntegrity(): void {
    this.#lanes.checkIntegrity(0);
    if (this.store.isCheckDue) this.store.checkIntegrity();
    const holder = this.#holders.findIndex((sequence) => sequence !== undefined);
    if (holder >= 0) throw new Error(`lane ${holder} is held by a sequence that is gone`);
  }

  /** Brings tokens `from`..`to` of one lane into another, which has those before; the whole prefix if most is new. */
  #copy(source: Lane, target: Lane, { from, to }: { from: number; to: number }): void {
    if (to - from > from) this.#memory.copyLane(source.index, target.index, to);
    else this.#memory.write(target.index, from, this.#memory.read(source.index, from, to), 0, to - from);
  }

  /**
   * Lets the sequence wait for the one that is ahead of it in a prompt and has most of the way in common; interactive
   * work does not wait for batch work, whose turn comes later.
   */
  #follow(sequence: Sequence): void {
    const { tokens, cached, reusableTokens: limit, tenant } = sequence;
    let most = cached;
    for (const leader of this.#holders) {
      if (leader?.pull === undefined || isBehind(leader, sequence)) continue;
      if (leader.cached < cached || leader.tokens.length - leader.cached === 1) continue;
      if (leader.tenant.priority === "batch" && tenant.priority === "interactive") continue;
      const shared = Math.min(limit, commonPrefixLength(leader.tokens, tokens));
      if (shared <= Math.max(most, leader.cached)) continue;
      most = shared;
      sequence.leader = leader;
      sequence.sharedTokens = shared;
    }
  }
}

/** Whether one sequence is the other, waits for it, or for one that does: where a lane was lost, it may have to. */
function isBehind(sequence: Sequence, other: Sequence): boolean {
  for (let ahead: Sequence | undefined = sequence; ahead !== undefined; ahead = ahead.leader) {
    if (ahead === other) return true;
  }
  return false;
}
