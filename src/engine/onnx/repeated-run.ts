import type { IoBinding } from "./ort/io-binding.ts";
import type { Session } from "./ort/session.ts";

/**
 * Shorter runs stay on the calling thread, whose event loop stands still meanwhile: what comes in during a pass waits for
 * its end in any case, and a pause of this length is none that a client sees. A chunk of a prompt, or a pass of a large
 * model, goes to another thread.
 */
export const shortMs = 50;

/**
 * What it costs to hand a run to another thread and to wake up again, ms: 0.05 to 0.5, more where other work wants the
 * cores (docs/benchmarks.md, t). A run that would be short without it is short.
 */
const handoverMs = 0.5;

/** Runs a graph on one binding, time and again. */
export class RepeatedRun {
  readonly #session: Session;
  readonly #binding: IoBinding;
  /** How long it last took; infinite before the first. */
  #durationMs = Infinity;

  constructor(session: Session, binding: IoBinding) {
    this.#session = session;
    this.#binding = binding;
  }

  async run(): Promise<void> {
    const isShort = this.#durationMs < shortMs;
    const started = performance.now();
    if (isShort) this.#session.runSync(this.#binding);
    else await this.#session.run(this.#binding);
    this.#durationMs = performance.now() - started - (isShort ? 0 : handoverMs);
  }
}
