import type { TokenIds } from "../../core/tokens.ts";
import type { Tokenizer } from "../../decoder/completer.ts";

/** A prompt as it is echoed, and where in it the text of each token begins, UTF-16 units. */
export interface Echo {
  readonly text: string;
  /** One for each token; never decreasing. */
  readonly offsets: Int32Array;
}

/**
 * Echoes a prompt: text as the client wrote it, token ids as their text, special tokens included.
 * @param written the prompt where it was text
 * @param isWhole whether no completion follows, which could complete a character that the last token ids begin
 */
export function echoOf(
  ids: TokenIds,
  tokenizer: Tokenizer,
  { written, isWhole }: { written: string | undefined; isWhole: boolean },
): Echo {
  const decoding = tokenizer.stream({ keepSpecial: true });
  let decoded = "";
  const offsets = Int32Array.from(ids, (token) => {
    const offset = decoded.length;
    decoded += decoding.push(token);
    return offset;
  });
  if (isWhole) decoded += decoding.flush();
  if (written === undefined || written === decoded) return { text: decoded, offsets };
  return { text: written, offsets: offsets.map(alignment(decoded, written)) };
}

/**
 * Where places of the text that tokens spell stand in the text that they were made from. The two differ where the
 * tokenizer adds special tokens or a space, which it does at the front, and where it normalises: so they are laid side
 * by side from the end on.
 * @returns for a place in `decoded` the place in `written`; never decreasing
 */
function alignment(decoded: string, written: string): (offset: number) => number {
  const toReversed = reversedAlignment(reversed(decoded), reversed(written));
  return (offset) => written.length - toReversed(decoded.length - offset);
}

const reversed = (text: string): string => text.split("").reverse().join("");

function reversedAlignment(decoded: string, written: string): (offset: number) => number {
  /** Places from which on the texts are alike. */
  const runs: Place[] = [];
  let place: Place | undefined = { from: 0, to: 0 };
  while (place !== undefined) {
    runs.push(place);
    place = nextRun(decoded, written, endOfRun(decoded, written, place));
  }
  runs.push({ from: decoded.length, to: written.length });
  return (offset) => {
    const index = lastRun(runs, offset);
    const { from, to } = runs[index]!;
    return Math.min(to + offset - from, runs[index + 1]?.to ?? to);
  };
}

/** The last that begins at or before an offset, by halving: texts that differ everywhere have as many runs as tokens. */
function lastRun(runs: readonly Place[], offset: number): number {
  let low = 0;
  let high = runs.length - 1;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (runs[middle]!.from <= offset) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** The same place in the decoded text and in the written one, UTF-16 units. */
interface Place {
  readonly from: number;
  readonly to: number;
}

function endOfRun(decoded: string, written: string, { from, to }: Place): Place {
  let length = 0;
  while (from + length < decoded.length && decoded[from + length] === written[to + length]) length++;
  return { from: from + length, to: to + length };
}

/** How far to look for where the texts go on alike, and for how long they must; UTF-16 units. */
const farthest = 40;
const longEnough = 4;

/** The nearest such place. */
function nextRun(decoded: string, written: string, { from, to }: Place): Place | undefined {
  for (let distance = 1; distance <= 2 * farthest; distance++) {
    for (let skipped = Math.max(0, distance - farthest); skipped <= Math.min(distance, farthest); skipped++) {
      const next = { from: from + skipped, to: to + distance - skipped };
      const length = Math.min(longEnough, decoded.length - next.from, written.length - next.to);
      if (length > 0 && decoded.startsWith(written.slice(next.to, next.to + length), next.from)) return next;
    }
  }
  return undefined;
}
