import { z } from "zod";

interface ListShape<Item> {
  readonly is: (value: unknown) => value is Item;
  /** JSON Schema of an item. */
  readonly items: Readonly<Record<string, unknown>>;
  readonly minItems?: number;
  readonly maxItems?: number;
  /** What is said of a value that is no such list. */
  readonly error?: string;
}

/**
 * A list as `z.array` has it, but judged as a whole: zod looks at each item by itself and describes each that is wrong,
 * which for the million that a body may hold keeps the thread from other clients for half a second.
 */
function listOf<Item>({ is, items, minItems = 0, maxItems = Infinity, error }: ListShape<Item>) {
  const length = {
    ...(minItems > 0 && { minItems }),
    ...(maxItems < Infinity && { maxItems }),
  };
  return z
    .custom<Item[]>(
      (value) =>
        Array.isArray(value) && value.length >= minItems && value.length <= maxItems && value.every(is),
      error,
    )
    .meta({ type: "array", items, ...length });
}

const tokenId = { type: "integer", minimum: 0, maximum: Number.MAX_SAFE_INTEGER };

const isString = (value: unknown): value is string => typeof value === "string";
const isTokenId = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
const isPrompt = (value: unknown): value is number[] =>
  Array.isArray(value) && value.length > 0 && value.every(isTokenId);

/** Prompts of one request at most. */
const maxItems = 1024;

export const tokenIds = listOf({
  is: isTokenId,
  items: tokenId,
  error: "must be a list of token ids, whole numbers from 0",
});
export const promptOfIds = listOf({ is: isTokenId, items: tokenId, minItems: 1 });
export const textPrompts = listOf({ is: isString, items: { type: "string" }, minItems: 1, maxItems });
export const promptsOfIds = listOf({
  is: isPrompt,
  items: { type: "array", items: tokenId, minItems: 1 },
  minItems: 1,
  maxItems,
});
