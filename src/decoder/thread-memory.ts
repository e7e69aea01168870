/** What a thread's JavaScript holds, bytes: its heap, and what stands outside and is freed with it. */
export interface ThreadMemory {
  readonly heapUsed: number;
  readonly heapTotal: number;
  /** Array buffers included. */
  readonly external: number;
  readonly arrayBuffers: number;
}

/** Of the thread that asks. */
export function threadMemory(): ThreadMemory {
  const { heapUsed, heapTotal, external, arrayBuffers } = process.memoryUsage();
  return { heapUsed, heapTotal, external, arrayBuffers };
}
