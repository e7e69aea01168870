import type { Socket } from "node:net";

/** Whether a peer takes any of the bytes that wait for it. */
export class WriteProgress {
  readonly #socket: Socket;
  #written = 0;
  #queued = 0;
  #movedAt = performance.now();

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** @returns for how long bytes have been waiting with none of them taken, as far as was looked, ms */
  stalledFor(now: number): number {
    const { writableLength, bytesWritten } = this.#socket;
    // Of a write the kernel may take a part; the stream counts it once it is taken whole.
    const written = bytesWritten - writableLength;
    const queued = queuedBytes(this.#socket);
    if (writableLength === 0 || written !== this.#written || queued !== this.#queued) this.#movedAt = now;
    this.#written = written;
    this.#queued = queued;
    return now - this.#movedAt;
  }
}

/** What the kernel has left of the write under way; Node tells only its own timeouts. */
function queuedBytes(socket: object): number {
  const handle: unknown = "_handle" in socket ? socket._handle : undefined;
  if (typeof handle !== "object" || handle === null || !("writeQueueSize" in handle)) return 0;
  return Number(handle.writeQueueSize);
}
