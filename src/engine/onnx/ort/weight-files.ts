import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { join } from "node:path";
import koffi from "koffi";
import { ort } from "./api.ts";
import type { Pointer } from "./api.ts";
import { check, create } from "./status.ts";

/** Bytes that one system call reads; how far it has come is told after each. */
const mostAtOnce = 2 ** 26;

/**
 * Files beside a graph that hold its weights, read into memory for a session to load them from. Left alone, ONNX Runtime
 * maps them, and goes on reading them for as long as the session lives: a file that is written to meanwhile changes the
 * answers, and one that is cut short ends the process. The session copies what it keeps, so this goes once it is made.
 */
export class WeightFiles implements Disposable {
  readonly #allocator: Pointer;
  readonly #onRead: (bytes: number) => void;
  readonly #files: { readonly name: string; readonly bytes: number; readonly memory: Pointer }[] = [];

  /**
   * @param names as the graph has them, relative to its folder
   * @param onRead called with the bytes of each part that was read
   * @throws Error naming the file that cannot be read, or that ends while it is read
   */
  constructor(folder: string, names: Iterable<string>, onRead: (bytes: number) => void = () => undefined) {
    this.#onRead = onRead;
    this.#allocator = create(ort().GetAllocatorWithDefaultOptions);
    try {
      for (const name of names) this.#read(folder, name);
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  /** For the session that is made with these options. */
  addTo(options: Pointer): void {
    if (this.#files.length === 0) return;
    const names = this.#files.map(({ name }) => name);
    const memory = this.#files.map((file) => file.memory);
    const lengths = BigUint64Array.from(this.#files, ({ bytes }) => BigInt(bytes));
    const add = ort().AddExternalInitializersFromFilesInMemory;
    check(add(options, names, memory, lengths, names.length) as Pointer | null);
  }

  [Symbol.dispose](): void {
    for (const { memory } of this.#files.splice(0))
      check(ort().AllocatorFree(this.#allocator, memory) as Pointer | null);
  }

  #read(folder: string, name: string): void {
    const descriptor = openSync(join(folder, name), "r");
    try {
      const bytes = fstatSync(descriptor).size;
      if (bytes === 0) throw new Error(`${name} is empty`);
      const memory = create(ort().AllocatorAlloc, this.#allocator, bytes);
      this.#files.push({ name, bytes, memory });
      // In memory of the runtime's: JavaScript's own would be given back only when it is collected.
      const view = new Uint8Array(koffi.view(memory, bytes));
      for (let at = 0; at < bytes;) {
        const count = readSync(descriptor, view, at, Math.min(bytes - at, mostAtOnce), at);
        if (count === 0) throw new Error(`${name} was cut short while it was read`);
        at += count;
        this.#onRead(count);
      }
    } finally {
      closeSync(descriptor);
    }
  }
}
