import type { Share } from "../engine.ts";
import type { OpenSequence } from "./open-sequence.ts";
import type { PlacedSequence } from "./placed-sequence.ts";
import { Tenant } from "./tenant.ts";

/** Requests that have sequences open, and which of these wait for lanes. Moves nothing itself. */
export class Tenants {
  readonly #byRequest = new Map<string, Tenant>();
  /** Pulled sequences without a lane, by tenant, the oldest first; never empty lists. */
  readonly #queues = new Map<Tenant, OpenSequence[]>();
  #waiting = 0;
  #events = 0;

  /** Sequences that wait. */
  get waiting(): number {
    return this.#waiting;
  }

  /** The tenant of a sequence that is opened; one without a share is a tenant of its own. */
  join(share: Share | undefined): Tenant {
    let tenant = share === undefined ? undefined : this.#byRequest.get(share.request);
    if (tenant === undefined) {
      tenant = new Tenant(share);
      if (share !== undefined) this.#byRequest.set(share.request, tenant);
    }
    tenant.open++;
    return tenant;
  }

  leave(tenant: Tenant): void {
    tenant.open--;
    if (tenant.open === 0 && tenant.request !== undefined) this.#byRequest.delete(tenant.request);
  }

  /** Queues a pulled sequence behind the older ones of its tenant. */
  wait(sequence: OpenSequence): void {
    const { tenant } = sequence;
    const queue = this.#queues.get(tenant) ?? [];
    if (queue.length === 0) {
      this.#queues.set(tenant, queue);
      this.#mark(tenant);
    }
    let place = queue.length;
    while (place > 0 && queue[place - 1]!.arrival > sequence.arrival) place--;
    queue.splice(place, 0, sequence);
    this.#waiting++;
  }

  /** Takes the sequence out of its queue; one that does not wait is left alone. */
  stopWaiting(sequence: OpenSequence): void {
    const queue = this.#queues.get(sequence.tenant);
    const place = queue?.indexOf(sequence) ?? -1;
    if (queue === undefined || place < 0) return;
    queue.splice(place, 1);
    if (queue.length === 0) this.#queues.delete(sequence.tenant);
    this.#waiting--;
  }

  /** Counts the lane that a sequence was given. */
  gain(sequence: OpenSequence): void {
    this.stopWaiting(sequence);
    sequence.tenant.lanes++;
    this.#mark(sequence.tenant);
  }

  /** Counts a lane that was taken from a sequence. */
  lose({ tenant }: OpenSequence): void {
    tenant.lanes--;
  }

  /**
   * The sequence that gets the next lane: interactive work goes before batch, then the request with the fewest lanes,
   * then the one that waits longest; of its sequences the oldest.
   */
  next(): OpenSequence | undefined {
    if (this.#waiting === 0) return undefined;
    let best: Tenant | undefined;
    for (const tenant of this.#queues.keys()) {
      if (best === undefined || comesBefore(tenant, best)) best = tenant;
    }
    return this.#queues.get(best!)![0];
  }

  /** @throws Error when something is counted that is no longer there; run when no sequence is open. */
  checkIntegrity(): void {
    if (this.#byRequest.size + this.#queues.size + this.#waiting === 0) return;
    throw new Error(`${this.#byRequest.size} requests and ${this.#waiting} waiting sequences are left over`);
  }

  #mark(tenant: Tenant): void {
    tenant.since = ++this.#events;
  }
}

function comesBefore(a: Tenant, b: Tenant): boolean {
  if (a.priority !== b.priority) return a.priority === "interactive";
  return a.lanes === b.lanes ? a.since < b.since : a.lanes < b.lanes;
}

/**
 * The sequence that loses its lane to the taker when none is free: one that no caller pulls; else, for interactive
 * work, one of batch work; else one of a tenant with more lanes than the taker, held for a whole turn. Of these the
 * youngest of the tenant with most lanes, so that what was begun first ends first.
 */
export function chooseVictim(taker: Tenant, holders: readonly PlacedSequence[]): PlacedSequence | undefined {
  let victim: PlacedSequence | undefined;
  for (const holder of holders) {
    if (!yieldsTo(holder, taker)) continue;
    if (victim === undefined || isRatherTaken(holder, victim)) victim = holder;
  }
  return victim;
}

function yieldsTo({ isPulled, tenant, isTurnOver, isFollowing }: PlacedSequence, taker: Tenant): boolean {
  if (!isPulled) return true;
  if (tenant.priority !== taker.priority) return taker.priority === "interactive";
  const surplus = tenant.lanes - taker.lanes;
  // A follower loses no work with its lane, even in mid-turn; but two tenants may not pass the lane to and fro.
  return isTurnOver ? surplus > 0 : isFollowing && surplus > 1;
}

function isRatherTaken(a: PlacedSequence, b: PlacedSequence): boolean {
  if (a.isPulled !== b.isPulled) return b.isPulled;
  if (a.tenant.priority !== b.tenant.priority) return a.tenant.priority === "batch";
  return a.tenant.lanes === b.tenant.lanes ? a.arrival > b.arrival : a.tenant.lanes > b.tenant.lanes;
}
