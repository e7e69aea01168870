import type { LiveCacheSize } from "./live-cache.ts";

/**
 * Opens a cache on a device.
 * @param open throws when the device has no room for a cache of the size
 * @throws Error with a size that was seen to fit, where the one asked for does not
 */
export function openWhereItFits<T extends Disposable>(
  size: LiveCacheSize,
  open: (size: LiveCacheSize) => T,
): T {
  try {
    return open(size);
  } catch (error) {
    const smaller = halvings(size).find((candidate) => fits(candidate, open));
    const advice =
      smaller === undefined
        ? "nor one of a single token"
        : `--lanes ${smaller.lanes} --context ${smaller.capacity} fits`;
    const [reason] = (error as Error).message.split("\n");
    throw new Error(
      `a cache of ${size.lanes} lanes x ${size.capacity} tokens cannot be had, ${advice}: ${reason}`,
      { cause: error },
    );
  }
}

/** Half the lanes down to one, then half the tokens. */
function halvings({ lanes, capacity }: LiveCacheSize): LiveCacheSize[] {
  const sizes: LiveCacheSize[] = [];
  for (let half = lanes >> 1; half >= 1; half >>= 1) sizes.push({ lanes: half, capacity });
  for (let half = capacity >> 1; half >= 1; half >>= 1) sizes.push({ lanes: 1, capacity: half });
  return sizes;
}

function fits(size: LiveCacheSize, open: (size: LiveCacheSize) => Disposable): boolean {
  try {
    open(size)[Symbol.dispose]();
    return true;
  } catch {
    return false;
  }
}
