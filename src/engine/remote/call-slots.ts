import { cancelled } from "../../core/errors.ts";
import type { Share } from "../engine.ts";

/** Room for one call. */
class Slot implements Disposable {
  readonly share: Share | undefined;
  readonly #onLeave: (slot: Slot) => void;

  constructor(share: Share | undefined, onLeave: (slot: Slot) => void) {
    this.share = share;
    this.#onLeave = onLeave;
  }

  [Symbol.dispose](): void {
    this.#onLeave(this);
  }
}

interface Waiting {
  readonly share: Share | undefined;
  readonly begin: (slot: Slot) => void;
}

/**
 * How many calls a server is asked at once. Those that wait begin as lanes are given away in this process: interactive
 * ones first, then those of the client and of the request with the fewest under way, then those that wait longest.
 */
export class CallSlots {
  readonly most: number;
  readonly #open = new Set<Slot>();
  readonly #waiting = new Set<Waiting>();

  constructor(most: number) {
    this.most = most;
  }

  get open(): number {
    return this.#open.size;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** Room for a call, until it is disposed of. @throws InferenceError `aborted` once the signal is */
  async take(share: Share | undefined, signal: AbortSignal): Promise<Disposable> {
    if (signal.aborted) throw cancelled();
    if (this.open < this.most) return this.#begin(share);
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.#waiting.delete(waiting);
        reject(cancelled());
      };
      const waiting: Waiting = {
        share,
        begin: (slot) => {
          signal.removeEventListener("abort", leave);
          resolve(slot);
        },
      };
      signal.addEventListener("abort", leave, { once: true });
      this.#waiting.add(waiting);
    });
  }

  /**
   * Whether a call for this share has to make room for one that waits: at once where that is more urgent, else where its
   * client, or its request, has so few under way that it would still have no more than this one's.
   */
  isOwed(share: Share | undefined): boolean {
    const next = this.#next();
    if (next === undefined) return false;
    const [urgency, ofClient, ofRequest] = this.#rank(share);
    const [itsUrgency, ofItsClient, ofItsRequest] = this.#rank(next.share);
    if (urgency !== itsUrgency) return urgency > itsUrgency;
    if (share?.client !== next.share?.client) return ofClient > ofItsClient + 1;
    return ofRequest > ofItsRequest + 1;
  }

  #begin(share: Share | undefined): Slot {
    const slot = new Slot(share, (left) => {
      this.#leave(left);
    });
    this.#open.add(slot);
    return slot;
  }

  #leave(slot: Slot): void {
    if (!this.#open.delete(slot)) return;
    const next = this.#next();
    if (next === undefined) return;
    this.#waiting.delete(next);
    next.begin(this.#begin(next.share));
  }

  /** By what those that wait are compared: urgency, and calls under way of the client and of the request. */
  #rank(share: Share | undefined): readonly [urgency: number, client: number, request: number] {
    if (share === undefined) return [0, 0, 0];
    const { client, request, priority } = share;
    let [ofClient, ofRequest] = [0, 0];
    for (const { share: other } of this.#open) {
      if (other?.client === client) ofClient++;
      if (other?.request === request) ofRequest++;
    }
    return [priority === "batch" ? 1 : 0, ofClient, ofRequest];
  }

  #next(): Waiting | undefined {
    let next: Waiting | undefined;
    let least: readonly number[] = [];
    for (const waiting of this.#waiting) {
      const rank = this.#rank(waiting.share);
      const difference = rank
        .map((part, index) => part - (least[index] ?? Infinity))
        .find((part) => part !== 0);
      if ((difference ?? 0) < 0) [next, least] = [waiting, rank];
    }
    return next;
  }
}
