/**
 * A value that is written as JSON piece by piece: too long to be held as text, or made only while it is written. It may
 * be written several times.
 */
export class LongJson<Value> {
  /** Of the type alone. */
  declare readonly value: Value;
  readonly #pieces: () => Iterable<string, unknown>;

  constructor(pieces: () => Iterable<string, unknown>) {
    this.#pieces = pieces;
  }

  pieces(): Iterable<string, unknown> {
    return this.#pieces();
  }
}

/** A value, or one that is written piece by piece. */
export type Json<Value> = Value | LongJson<Value>;

/** The fields of an object, any of which may be long. */
export type LongFields<Value> = { readonly [Name in keyof Value]: Json<Value[Name]> };

const piecesOf = (value: unknown): Iterable<string, unknown> =>
  value instanceof LongJson ? value.pieces() : [JSON.stringify(value)];

/** An object of which some fields are long; those that are undefined are left out. */
export const longObject = <Value extends object>(fields: LongFields<Value>): LongJson<Value> =>
  new LongJson(function* () {
    let before = "{";
    for (const [name, value] of Object.entries<unknown>(fields)) {
      if (value === undefined) continue;
      const key = `${before}${JSON.stringify(name)}:`;
      before = ",";
      if (!(value instanceof LongJson)) yield key + JSON.stringify(value);
      else {
        yield key;
        yield* piecesOf(value);
      }
    }
    yield before === "{" ? "{}" : "}";
  });

/** Items of a list that are written together: one by one takes several times as long. */
const groupLength = 32;

/** @param items made when they are written, some at a time */
export const longList = <Item>(items: () => Iterable<Json<Item>>): LongJson<Item[]> =>
  new LongJson(function* () {
    let before = "[";
    let group: unknown[] = [];
    const written = function* (): Generator<string> {
      if (group.length === 0) return;
      yield before + JSON.stringify(group).slice(1, -1);
      before = ",";
      group = [];
    };
    for (const item of items()) {
      if (item instanceof LongJson) {
        yield* written();
        yield before;
        yield* item.pieces();
        before = ",";
      } else if (group.push(item) === groupLength) yield* written();
    }
    yield* written();
    yield before === "[" ? "[]" : "]";
  });

/** A string that is made as it is written. @param pieces of whole characters each */
export const longText = (pieces: () => Iterable<string>): LongJson<string> =>
  new LongJson(function* () {
    yield '"';
    for (const piece of pieces()) yield JSON.stringify(piece).slice(1, -1);
    yield '"';
  });

/** Maps as it is read. */
export function* mapLazily<Item, Result>(
  items: Iterable<Item>,
  map: (item: Item) => Result,
): Generator<Result, void, undefined> {
  for (const item of items) yield map(item);
}

/** A millisecond or two of writing, characters. */
const chunkLength = 32_768;

/** As much again, of pieces that say nothing: tokens without text are work, too. */
const chunkPieces = 1024;

/** Some of a JSON text. */
export interface JsonChunk {
  readonly text: string;
  readonly isLast: boolean;
}

/** JSON text, made as it is read. */
export class JsonReader {
  readonly #pieces: Iterator<string, unknown>;

  constructor(json: Json<object>) {
    this.#pieces = piecesOf(json)[Symbol.iterator]();
  }

  /** The next 32 Ki characters, or a little more; fewer where many pieces are short. */
  read(): JsonChunk {
    let text = "";
    for (let pieces = 0; text.length < chunkLength && pieces < chunkPieces; pieces++) {
      const next = this.#pieces.next();
      if (next.done === true) return { text, isLast: true };
      text += next.value;
    }
    return { text, isLast: false };
  }
}
