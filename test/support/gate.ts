import { EventEmitter, once } from "node:events";

/** Holds the passes of a toy back until it is opened, so that what was begun stays in flight. */
export class Gate {
  readonly #events = new EventEmitter();
  readonly #opened = once(this.#events, "opened");
  /** Settles when the first pass waits. */
  readonly reached: Promise<unknown> = once(this.#events, "reached");

  /** For a toy's `onStep`. */
  readonly onStep = async (): Promise<void> => {
    this.#events.emit("reached");
    await this.#opened;
  };

  open(): void {
    this.#events.emit("opened");
  }
}
