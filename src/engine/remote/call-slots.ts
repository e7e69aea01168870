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

  #next(): Waiting | undefined {
    const clients = countBy(this.#open, ({ client }) => client);
    const requests = countBy(this.#open, ({ request }) => request);
    const rank = ({ share }: Waiting): readonly [number, number, number] => [
      share?.priority === "batch" ? 1 : 0,
      clients.get(share?.client) ?? 0,
      requests.get(share?.request) ?? 0,
    ];
    let [next, least] = [undefined as Waiting | undefined, [Infinity, 0, 0] as readonly number[]];
    for (const waiting of this.#waiting) {
      const its = rank(waiting);
      const difference = its.map((part, index) => part - least[index]!).find((part) => part !== 0) ?? 0;
      if (difference < 0) [next, least] = [waiting, its];
    }
    return next;
  }
}

/** Those without a share are each of a client of their own. */
function countBy(
  slots: Iterable<Slot>,
  nameOf: (share: Share) => string,
): ReadonlyMap<string | undefined, number> {
  const counts = new Map<string | undefined, number>();
  for (const { share } of slots) {
    if (share !== undefined) counts.set(nameOf(share), (counts.get(nameOf(share)) ?? 0) + 1);
  }
  return counts;
}
