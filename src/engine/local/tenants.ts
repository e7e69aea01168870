import { LRUCache } from "lru-cache";
import type { Priority, Share } from "../engine.ts";
import type { OpenSequence } from "./open-sequence.ts";
import type { PlacedSequence } from "./placed-sequence.ts";
import { Holding, Tenant } from "./tenant.ts";
import type { TenantPast } from "./tenant.ts";

/** Requests whose past is remembered, the last ones to have one: far more than run at a time. */
const mostRemembered = 4096;

/** Requests that have sequences open, and which of these wait for lanes. Moves nothing itself. */
export class Tenants {
  readonly #byRequest = new Map<string, Tenant>();
  /** What clients have, by name. Batch work counts apart: it takes nothing from the client's interactive work. */
  readonly #clients: Readonly<Record<Priority, Map<string, Holding>>> = {
    interactive: new Map(),
    batch: new Map(),
  };
  /**
   * What requests without an open sequence had: a chain closes one before it opens the next, and which is its last is not
   * known here.
   */
  readonly #past = new LRUCache<string, TenantPast>({ max: mostRemembered });
  /** Pulled sequences without a lane, by tenant, the oldest first; never empty lists. */
  readonly #queues = new Map<Tenant, OpenSequence[]>();
  #waiting = 0;
  #events = 0;

  /** Sequences that wait. */
  get waiting(): number {
    return this.#waiting;
  }

  /** The tenant of a sequence that is opened; one without a share is a tenant of a client of its own. */
  join(share: Share | undefined): Tenant {
    const tenant = share === undefined ? new Tenant(share, new Holding()) : this.#tenantOf(share);
    tenant.open++;
    tenant.client.open++;
    return tenant;
  }

  #tenantOf(share: Share): Tenant {
    const clients = this.#clients[share.priority];
    const client = clients.get(share.client) ?? new Holding();
    const tenant =
      this.#byRequest.get(share.request) ?? new Tenant(share, client, this.#past.get(share.request));
    clients.set(share.client, client);
    this.#byRequest.set(share.request, tenant);
    return tenant;
  }

  leave(tenant: Tenant): void {
    const { client, share } = tenant;
    tenant.open--;
    client.open--;
    if (share === undefined) return;
    if (tenant.open === 0) {
      this.#byRequest.delete(share.request);
      const { heldUpMs, lastPrefill } = tenant;
      if (lastPrefill > 0 || heldUpMs > 0) this.#past.set(share.request, { heldUpMs, lastPrefill });
    }
    if (client.open === 0) this.#clients[share.priority].delete(share.client);
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
    sequence.tenant.client.lanes++;
    this.#mark(sequence.tenant);
  }

  /** Counts a lane that was taken from a sequence. */
  lose({ tenant }: OpenSequence): void {
    tenant.lanes--;
    tenant.client.lanes--;
  }

  /**
   * The sequence that gets the next lane: interactive work goes before batch, then the client with the fewest lanes, then
   * the one that waits longest; of its requests the one with the fewest, then the one that waits longest; of its
   * sequences the oldest.
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
    const clients = this.#clients.interactive.size + this.#clients.batch.size;
    if (clients + this.#byRequest.size + this.#queues.size + this.#waiting === 0) return;
    throw new Error(
      `${clients} clients, ${this.#byRequest.size} requests and ${this.#waiting} waiting sequences are left over`,
    );
  }

  #mark(tenant: Tenant): void {
    tenant.since = ++this.#events;
    tenant.client.since = tenant.since;
  }
}

function comesBefore(a: Tenant, b: Tenant): boolean {
  if (a.priority !== b.priority) return a.priority === "interactive";
  const [ours, theirs] = [a.against(b), b.against(a)];
  return ours.lanes === theirs.lanes ? ours.since < theirs.since : ours.lanes < theirs.lanes;
}

/**
 * The sequence that loses its lane to the taker when none is free: one that no caller pulls; else, for interactive
 * work, one of batch work; else one of a client, or of another request of the taker's client, with more lanes, held for
 * a turn. Of these the youngest of the client and the request with most lanes, so that what was begun first ends first.
 */
export function chooseVictim(taker: Tenant, holders: readonly PlacedSequence[]): PlacedSequence | undefined {
  let victim: PlacedSequence | undefined;
  for (const holder of holders) {
    if (!yieldsTo(holder, taker)) continue;
    if (victim === undefined || isRatherTaken(holder, victim)) victim = holder;
  }
  return victim;
}

function yieldsTo(holder: PlacedSequence, taker: Tenant): boolean {
  const { tenant } = holder;
  if (!holder.isPulled) return true;
  if (tenant.priority !== taker.priority) return taker.priority === "interactive";
  const surplus = tenant.against(taker).lanes - taker.against(tenant).lanes;
  if (holder.hasHadTurn) return surplus > 0;
  // A follower loses no work with its lane, even in mid-turn; and a client does not wait for another's turns. But two may
  // not pass the lane to and fro.
  return surplus > 1 && (holder.isFollowing || (holder.hasHadShortTurn && tenant.client !== taker.client));
}

function isRatherTaken(a: PlacedSequence, b: PlacedSequence): boolean {
  if (a.isPulled !== b.isPulled) return b.isPulled;
  if (a.tenant.priority !== b.tenant.priority) return a.tenant.priority === "batch";
  const [ours, theirs] = [a.tenant.against(b.tenant), b.tenant.against(a.tenant)];
  return ours.lanes === theirs.lanes ? a.arrival > b.arrival : ours.lanes > theirs.lanes;
}
