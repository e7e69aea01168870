import { nextTurn } from "./turns.ts";

/** A millisecond or two of light work on each item. */
const pieceLength = 16_384;

/**
 * Maps a list, however long, a piece at a time: the thread turns to whatever else waits for it in between.
 * @returns what became of each piece, in order
 */
export async function mapPieces<Item, Result>(
  items: readonly Item[],
  map: (piece: readonly Item[]) => Result,
): Promise<Result[]> {
  const results: Result[] = [];
  for (let start = 0; start < items.length; start += pieceLength) {
    if (start > 0) await nextTurn();
    results.push(map(items.slice(start, start + pieceLength)));
  }
  return results;
}
