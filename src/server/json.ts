/** Integers that a double may not hold, as values of keys named seed; the quote of a key is never an escaped one. */
const wideSeeds = /(?<!\\)("seed"\s*:\s*)(-?\d{16,})(?=\s*[,}])/g;

/**
 * JSON text whose wide seeds are strings of their digits: read as numbers, seeds above 2^53 would fall together with
 * their neighbours.
 */
export const keepWideSeeds = (json: string): string => json.replace(wideSeeds, '$1"$2"');
