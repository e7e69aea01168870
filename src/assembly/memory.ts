import { InferenceError } from "../core/errors.ts";

export const mib = 1024 * 1024;

/** What a live cache takes. */
export interface CacheSize {
  readonly lanes: number;
  /** Tokens per lane. */
  readonly capacity: number;
  readonly bytesPerToken: number;
}

export interface Fit {
  readonly neededBytes: number;
  readonly budgetBytes: number;
  readonly fits: boolean;
  /** What would fit, as a sentence's end. */
  readonly advice: string;
}

/** Share of the memory beside the weights that the live cache may take. */
const memoryShare = 0.6;

/** What the live cache may take of a machine that also holds the weights. */
export const cacheBudget = (weightBytes: number, memoryBytes: number): number =>
  Math.max(0, memoryBytes - weightBytes) * memoryShare;

export function fitCache({ lanes, capacity, bytesPerToken }: CacheSize, budgetBytes: number): Fit {
  const neededBytes = lanes * capacity * bytesPerToken;
  const tokens = Math.floor(budgetBytes / bytesPerToken);
  return {
    neededBytes,
    budgetBytes,
    fits: neededBytes <= budgetBytes,
    advice: adviseOnSize({ lanes, capacity }, tokens),
  };
}

/** @param tokens how many there is room for */
function adviseOnSize({ lanes, capacity }: Pick<CacheSize, "lanes" | "capacity">, tokens: number): string {
  if (tokens < 2) return "the weights leave no room for a cache; use a smaller --dtype or model";
  const fittingLanes = Math.floor(tokens / capacity);
  const fittingContext = Math.floor(tokens / lanes);
  if (fittingLanes < 1) return `--lanes 1 --context ${tokens} would fit`;
  // A lane of one token is of no use.
  if (fittingContext < 2) return `--lanes ${fittingLanes} would fit`;
  return `--lanes ${fittingLanes}, or --context ${fittingContext} with ${lanes} lanes, would fit`;
}

/** @throws InferenceError with the settings that would fit */
export function checkMemory(size: CacheSize, budgetBytes: number): void {
  const { fits, neededBytes, advice } = fitCache(size, budgetBytes);
  if (fits) return;
  throw new InferenceError(
    "invalid_request",
    `A cache of ${size.lanes} lanes x ${size.capacity} tokens needs ${Math.ceil(neededBytes / mib)} MiB; ${Math.floor(budgetBytes / mib)} MiB of this machine's memory may be used for it beside the weights: ${advice}.`,
    { param: "lanes" },
  );
}

/** @throws InferenceError when more is asked for than the model was made for */
export function checkContext(asked: number | undefined, maxPositions: number | undefined): void {
  if (asked === undefined || maxPositions === undefined || asked <= maxPositions) return;
  throw new InferenceError(
    "invalid_request",
    `--context ${asked} is more than the ${maxPositions} positions the model was made for. Use ${maxPositions} or less.`,
    { param: "context" },
  );
}
