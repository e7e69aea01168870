import { Backlog } from "../server/watch/backlog.ts";
import type { WatchEvent } from "./bodies.ts";

/** Events kept one by one for a reader that is behind; beyond them it gets the latest state. */
export const kept = 512;

/** Hands a request's events to the caller that iterates over them, without growing when none does. */
export class Inbox {
  #events: WatchEvent[] = [];
  readonly #backlog = new Backlog();
  #failure: { readonly error: unknown } | undefined;
  #wake: (() => void) | undefined;

  push(event: WatchEvent): void {
    const mayWait = event.type !== "done" && event.type !== "error";
    if (mayWait && (this.#events.length >= kept || !this.#backlog.isEmpty)) this.#backlog.add(event);
    else this.#events.push(...this.#backlog.take(), event);
    this.#wake?.();
  }

  /** Ends the iteration with an error, once what arrived before has been read. */
  fail(error: unknown): void {
    this.#failure ??= { error };
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<WatchEvent, never, undefined> {
    for (;;) {
      const events = this.#events;
      this.#events = [];
      yield* events;
      if (this.#events.length > 0) continue;
      const missed = this.#backlog.take();
      yield* missed;
      if (missed.length > 0 || this.#events.length > 0) continue;
      if (this.#failure !== undefined) throw this.#failure.error;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}
