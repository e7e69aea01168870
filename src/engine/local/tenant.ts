import type { Priority, Share } from "../engine.ts";

/** A request with open sequences, among which its lanes go. */
export class Tenant {
  readonly request: string | undefined;
  readonly priority: Priority;
  /** Sequences open. */
  open = 0;
  /** Lanes held. */
  lanes = 0;
  /** When it last began to wait or got a lane; a count of such events. */
  since = 0;
  /** The pass in which it last had a chunk of a prompt run. */
  lastPrefill = 0;

  constructor(share: Share | undefined) {
    this.request = share?.request;
    this.priority = share?.priority ?? "interactive";
  }
}
