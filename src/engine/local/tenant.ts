import type { Priority, Share } from "../engine.ts";

/**
 * How long prompts may hold up a request that nobody watches, ms in all, beyond the pauses that a stream would see: long
 * enough for the prompts of sixteen requests that come at once to go first, so that all of them decode together.
 */
const unwatchedPatienceMs = 1000;

/** What a client, or one of its requests, has of the engine: the one that has less goes before. */
export class Holding {
  /** Sequences open. */
  open = 0;
  /** Lanes held. */
  lanes = 0;
  /** When it last began to wait or got a lane; a count of such events. */
  since = 0;
  /** The pass in which it last had a chunk of a prompt run. */
  lastPrefill = 0;
}

/** What of a request outlives its sequences. */
export type TenantPast = Pick<Tenant, "heldUpMs" | "lastPrefill">;

/** A request with open sequences, among which its lanes go. */
export class Tenant extends Holding {
  readonly share: Share | undefined;
  /** What all requests of its client have that are of its priority. */
  readonly client: Holding;
  /** How long prompts have held it up, ms. */
  heldUpMs = 0;

  /** @param past what came before, of a request whose sequences come and go */
  constructor(share: Share | undefined, client: Holding, past?: TenantPast) {
    super();
    this.share = share;
    this.client = client;
    Object.assign(this, past);
  }

  get priority(): Priority {
    return this.share?.priority ?? "interactive";
  }

  /** How long prompts may still hold it up, ms; batch work waits for as long as it takes. */
  get patienceMs(): number {
    if (this.priority === "batch") return Infinity;
    return this.share?.isWatched === false ? Math.max(0, unwatchedPatienceMs - this.heldUpMs) : 0;
  }

  /** Notes the pass that runs a chunk of one of its prompts. */
  noteChunk(pass: number): void {
    this.lastPrefill = pass;
    this.client.lastPrefill = pass;
  }

  /** Of the client's holding and the request's, the one that says how two requests stand to each other. */
  against(other: Tenant): Holding {
    return this.client === other.client ? this : this.client;
  }
}
