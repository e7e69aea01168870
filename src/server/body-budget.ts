import { takesOthersPart } from "./others-part.ts";

/** Bytes of each body that do not count: small requests are taken in whatever large ones wait. */
export const freeBytes = 16 * 1024;

/** What one body holds. */
export interface BodyHold extends Disposable {
  /** More of it has come, or will, as its headers say, bytes; less than 0 where some was none of it. */
  add(bytes: number): void;
  /** Counts it from nothing again: what came has been read, and the next is on its way. */
  restart(): void;
  /** It has come whole: what is made of it goes on to its end. */
  complete(): void;
}

interface Body {
  /** Ends its request; `undefined` once it has come whole. */
  drop: (() => void) | undefined;
  /** All of it. */
  size: number;
}

/** What one client has. */
interface Client {
  readonly bodies: Set<Body>;
  /** Those that are counted. */
  bytes: number;
}

const counted = ({ size }: Body): number => Math.max(0, size - freeBytes);

/**
 * Counts the bodies that are in the server's memory, from their first byte until they are answered. Where they come to
 * more than the limit, one that is still coming is dropped: the largest of the client whose bodies come to most. A client
 * that has more than half of the limit is kept from its last quarter in the same way, for what has come whole is not
 * dropped and may take minutes to answer: no client's bodies keep another's out.
 */
export class BodyBudget {
  readonly #limitBytes: number;
  /** No client without a body. */
  readonly #clients = new Map<string, Client>();
  #bytes = 0;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  /** Those that are counted now. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * @param drop ends the request; called once at most, and not after the hold is disposed of; left out where the body has
   *   come whole
   */
  hold(client: string, drop?: () => void): BodyHold {
    const body: Body = { drop, size: 0 };
    const owner = this.#clients.get(client) ?? { bodies: new Set(), bytes: 0 };
    this.#clients.set(client, owner);
    owner.bodies.add(body);
    let isOver = false;
    const resize = (size: number): void => {
      if (isOver) return;
      this.#resize(body, owner, size);
      this.#makeRoom(body, owner);
    };
    return {
      add: (bytes) => {
        resize(Math.max(0, body.size + bytes));
      },
      restart: () => {
        resize(0);
      },
      complete: () => {
        body.drop = undefined;
      },
      [Symbol.dispose]: () => {
        resize(0);
        isOver = true;
        body.drop = undefined;
        if (owner.bodies.delete(body) && owner.bodies.size === 0) this.#clients.delete(client);
      },
    };
  }

  #resize(body: Body, owner: Client, size: number): void {
    const before = counted(body);
    body.size = size;
    const change = counted(body) - before;
    owner.bytes += change;
    this.#bytes += change;
  }

  #makeRoom(body: Body, owner: Client): void {
    const most = this.#limitBytes;
    const takesTooMuch = (): boolean =>
      takesOthersPart({ theirs: owner.bytes - counted(body), next: this.#bytes, most });
    while (this.#bytes > most && this.#dropOneOf(this.#clients.values()));
    while (takesTooMuch() && this.#dropOneOf([owner]));
  }

  /** @returns whether there was one to drop */
  #dropOneOf(clients: Iterable<Client>): boolean {
    let victim: { body: Body; owner: Client } | undefined;
    for (const owner of clients) {
      if (owner.bytes <= (victim?.owner.bytes ?? 0)) continue;
      const body = largestComing(owner);
      if (body !== undefined) victim = { body, owner };
    }
    if (victim === undefined) return false;
    const { body, owner } = victim;
    const drop = body.drop!;
    body.drop = undefined;
    this.#resize(body, owner, 0);
    drop();
    return true;
  }
}

/** The largest that counts of those that have not come whole. */
function largestComing({ bodies }: Client): Body | undefined {
  let largest: Body | undefined;
  for (const body of bodies) {
    if (body.drop !== undefined && counted(body) > (largest === undefined ? 0 : counted(largest)))
      largest = body;
  }
  return largest;
}
