/** Bytes of each body that do not count: small requests are taken in whatever large ones wait. */
export const freeBytes = 16 * 1024;

/** What one body holds. */
export interface BodyHold extends Disposable {
  /** More of it has come, or will, as its headers say; bytes. */
  add(bytes: number): void;
  /** Counts it from nothing again: what came has been read, and the next is on its way. */
  restart(): void;
  /** It has come whole: what is made of it goes on to its end. */
  complete(): void;
}

interface Body {
  readonly client: string;
  /** Ends its request; `undefined` once it has come whole. */
  drop: (() => void) | undefined;
  /** All of it. */
  size: number;
}

const counted = ({ size }: Body): number => Math.max(0, size - freeBytes);

/**
 * Counts the bodies that are in the server's memory, from their first byte until they are answered. Where they come to
 * more than the limit, one that is still coming is dropped: the largest of the client whose bodies come to most, so that
 * nobody's bodies keep another's out.
 */
export class BodyBudget {
  readonly #limitBytes: number;
  /** By client; no client without a body. */
  readonly #bodies = new Map<string, Set<Body>>();
  #bytes = 0;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  /** Those that are counted now. */
  get bytes(): number {
    return this.#bytes;
  }

  /** @param drop ends the request; called once at most, and not after the hold is disposed of */
  hold(client: string, drop: () => void): BodyHold {
    const body: Body = { client, drop, size: 0 };
    const bodies = this.#bodies.get(client) ?? new Set();
    this.#bodies.set(client, bodies.add(body));
    let isOver = false;
    const resize = (size: number): void => {
      if (isOver) return;
      this.#bytes -= counted(body);
      body.size = size;
      this.#bytes += counted(body);
      while (this.#bytes > this.#limitBytes && this.#dropOne());
    };
    return {
      add: (bytes) => {
        resize(body.size + bytes);
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
        if (bodies.delete(body) && bodies.size === 0) this.#bodies.delete(client);
      },
    };
  }

  /** @returns whether there was one to drop */
  #dropOne(): boolean {
    let victim: { body: Body; clientBytes: number } | undefined;
    for (const bodies of this.#bodies.values()) {
      let clientBytes = 0;
      let largest: Body | undefined;
      for (const body of bodies) {
        clientBytes += counted(body);
        if (body.drop !== undefined && counted(body) > (largest === undefined ? 0 : counted(largest)))
          largest = body;
      }
      if (largest !== undefined && clientBytes > (victim?.clientBytes ?? 0))
        victim = { body: largest, clientBytes };
    }
    if (victim === undefined) return false;
    const { body } = victim;
    const drop = body.drop!;
    body.drop = undefined;
    this.#bytes -= counted(body);
    body.size = 0;
    drop();
    return true;
  }
}
