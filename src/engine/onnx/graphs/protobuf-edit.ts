/** Protocol buffers' wire format, written: messages with some of their fields replaced, and all else as it was. */
import type { Field, ProtobufFile } from "./protobuf-file.ts";

export type Pieces = readonly Uint8Array[];

/** A file twice: to be read field by field, and as its bytes. */
export interface OpenMessage {
  readonly file: ProtobufFile;
  readonly bytes: Uint8Array;
}

/**
 * The message that stands from `start` to `end`, in pieces that share the file's bytes where nothing changed.
 * @param edit a field with its tag in place of one, nothing to leave it out, `undefined` to keep it
 */
export function edited(
  { file, bytes }: OpenMessage,
  { start, end }: Pick<Field, "start" | "end">,
  edit: (field: Field) => Pieces | undefined,
): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  let keptFrom = start;
  let at = start;
  for (const field of file.fields(start, end)) {
    const replacement = edit(field);
    if (replacement !== undefined) {
      pieces.push(bytes.subarray(keptFrom, at), ...replacement);
      keptFrom = field.end;
    }
    at = field.end;
  }
  pieces.push(bytes.subarray(keptFrom, end));
  return pieces;
}

/** A field of bytes, text or a message. */
export function bytesField(number: number, contents: Pieces): Uint8Array[] {
  const length = contents.reduce((sum, piece) => sum + piece.length, 0);
  return [varint(number * 8 + 2), varint(length), ...contents];
}

/** A field of an integer of at least 0. */
export const integerField = (number: number, value: number): Uint8Array[] => [
  varint(number * 8),
  varint(value),
];

/** 7 bits a byte, the lowest first. @param value at least 0 */
function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  return Uint8Array.of(...bytes, rest);
}
