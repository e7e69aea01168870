import { totalmem } from "node:os";
import { InferenceError } from "../core/errors.ts";

export const mib = 1024 * 1024;

/** What a live cache takes. */
export interface CacheSize {
  readonly lanes: number;
  /** Tokens per lane. */
  readonly capacity: number;
  readonly bytesPerToken: number;
}

/** Share of the machine's memory that the live cache may take. */
const memoryShare = 0.6;

export interface Fit {
  readonly neededBytes: number;
  readonly budgetBytes: number;
  readonly fits: boolean;
  /** Settings that would fit, as a sentence's end. */
  readonly advice: string;
}

export function fitCache({ lanes, capacity, bytesPerToken }: CacheSize, memoryBytes = totalmem()): Fit {
  const budgetBytes = memoryBytes * memoryShare;
  const neededBytes = lanes * capacity * bytesPerToken;
  const fittingLanes = Math.floor(budgetBytes / (capacity * bytesPerToken));
  const fittingContext = Math.floor(budgetBytes / (lanes * bytesPerToken));
  const advice =
    fittingLanes >= 1
      ? `--lanes ${fittingLanes}, or --context ${fittingContext} with ${lanes} lanes, would fit`
      : `--lanes 1 --context ${Math.floor(budgetBytes / bytesPerToken)} would fit`;
  return { neededBytes, budgetBytes, fits: neededBytes <= budgetBytes, advice };
}

/** @throws InferenceError with the settings that would fit */
export function checkMemory(size: CacheSize, memoryBytes = totalmem()): void {
  const { fits, neededBytes, budgetBytes, advice } = fitCache(size, memoryBytes);
  if (fits) return;
  throw new InferenceError(
    "invalid_request",
    `A cache of ${size.lanes} lanes x ${size.capacity} tokens needs ${Math.ceil(neededBytes / mib)} MiB; ${Math.floor(budgetBytes / mib)} MiB of this machine's memory may be used for it. ${advice}.`,
    { param: "lanes" },
  );
}

/** Where neither the model nor the operator says, this many tokens. */
const usualContext = 4096;

/** @throws InferenceError when more is asked for than the model was made for */
export function chooseContext(asked: number | undefined, maxPositions: number | undefined): number {
  if (asked === undefined) return Math.min(maxPositions ?? usualContext, usualContext);
  if (maxPositions !== undefined && asked > maxPositions) {
    throw new InferenceError(
      "invalid_request",
      `--context ${asked} is more than the ${maxPositions} positions the model was made for. Use ${maxPositions} or less.`,
      { param: "context" },
    );
  }
  return asked;
}
