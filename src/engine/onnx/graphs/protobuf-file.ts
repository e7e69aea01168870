import { closeSync, openSync, readSync, statSync } from "node:fs";

/** One field of a message: a number in `value`, or bytes from `start` to `end`. */
export interface Field {
  readonly number: number;
  readonly value: bigint;
  readonly start: number;
  readonly end: number;
}

const chunkBytes = 64 * 1024;

/** Protocol buffers' wire format, read from a file piece by piece, or from a file's contents. */
export class ProtobufFile implements Disposable {
  readonly size: number;
  readonly #corrupt: () => Error;
  readonly #descriptor: number | undefined;
  #chunk: Uint8Array;
  #chunkStart = 0;

  /**
   * @param source a path, or contents
   * @param corrupt what to throw where the bytes are no such messages
   */
  constructor(source: string | Uint8Array, corrupt: () => Error) {
    this.#corrupt = corrupt;
    if (typeof source !== "string") {
      this.#chunk = source;
      this.size = source.length;
      return;
    }
    const found = statSync(source);
    // A pipe would be waited for, without end.
    if (!found.isFile()) throw corrupt();
    this.#descriptor = openSync(source, "r");
    this.#chunk = new Uint8Array(0);
    this.size = found.size;
  }

  *fields(start: number, end: number): Generator<Field, void, undefined> {
    let at = start;
    const varint = (): bigint => {
      let value = 0n;
      for (let shift = 0n; shift < 70n; shift += 7n) {
        const byte = this.#byte(at++);
        value |= BigInt(byte & 0x7f) << shift;
        if (byte < 0x80) return value;
      }
      throw this.#corrupt();
    };
    while (at < end) {
      const tag = Number(varint());
      const number = tag >>> 3;
      const wire = tag & 7;
      if (number === 0) throw this.#corrupt();
      if (wire === 0) {
        const value = varint();
        yield { number, value, start: at, end: at };
        continue;
      }
      const length = wire === 2 ? Number(varint()) : wire === 1 ? 8 : wire === 5 ? 4 : -1;
      if (length < 0 || at + length > end) throw this.#corrupt();
      yield { number, value: 0n, start: at, end: at + length };
      at += length;
    }
  }

  /** A repeated integer: packed into bytes, or one field each. */
  integers({ value, start, end }: Field): number[] {
    if (start === end) return [Number(value)];
    const values: number[] = [];
    let next = 0;
    let factor = 1;
    for (let at = start; at < end; at++) {
      const byte = this.#byte(at);
      next += (byte & 0x7f) * factor;
      factor *= 128;
      if (byte >= 0x80) continue;
      values.push(next);
      next = 0;
      factor = 1;
    }
    return values;
  }

  text({ start, end }: Field): string {
    const bytes = new Uint8Array(end - start);
    for (let at = start; at < end; at++) bytes[at - start] = this.#byte(at);
    return new TextDecoder().decode(bytes);
  }

  /** A text of a message; the last where there are several, as the format has it. */
  textIn({ start, end }: Field, number: number): string | undefined {
    let text: string | undefined;
    for (const part of this.fields(start, end)) if (part.number === number) text = this.text(part);
    return text;
  }

  [Symbol.dispose](): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
  }

  #byte(at: number): number {
    const index = at - this.#chunkStart;
    if (index >= 0 && index < this.#chunk.length) return this.#chunk[index]!;
    if (at >= this.size || this.#descriptor === undefined) throw this.#corrupt();
    const chunk = new Uint8Array(Math.min(chunkBytes, this.size - at));
    const read = readSync(this.#descriptor, chunk, 0, chunk.length, at);
    if (read === 0) throw this.#corrupt();
    this.#chunk = chunk.subarray(0, read);
    this.#chunkStart = at;
    return this.#chunk[0]!;
  }
}
