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

/**
 * As `z.array`, but that it stops at the first item that is wrong, which is the one that errors name: zod describes each,
 * and for the tens of thousands that a body may hold that takes the thread from other clients for a tenth of a second.
 */
const FirstWrong = z.core.$constructor<z.ZodArray>("FirstWrong", (inst, def) => {
  z.ZodArray.init(inst, def);
  const { element } = def;
  const { _zod: internals } = inst;
  const parse = internals.parse.bind(internals);
  internals.parse = (payload, context) => {
    const items: unknown = payload.value;
    if (!Array.isArray(items)) return parse(payload, context);
    const read: unknown[] = [];
    for (const [index, value] of items.entries()) {
      const result = element._zod.run({ value: value as unknown, issues: [] }, context);
      // Nothing in these schemas waits.
      if (result instanceof Promise) throw new z.core.$ZodAsyncError();
      if (result.issues.length > 0) {
        payload.issues.push(...z.core.util.prefixIssues(index, result.issues));
        return payload;
      }
      read.push(result.value);
    }
    return Object.assign(payload, { value: read });
  };
});

/** A list of anything, told by its first wrong item. */
export const listed = <Item extends z.core.$ZodType>(element: Item): z.ZodArray<Item> =>
  new FirstWrong({ type: "array", element }) as z.ZodArray<Item>;

/** As a union, but that the value says which of the two it is: errors are those of a text, or of the list's first wrong item. */
const TextOrList = z.core.$constructor<z.ZodUnion<[z.ZodString, z.ZodArray]>>("TextOrList", (inst, def) => {
  z.ZodUnion.init(inst, def);
  const [text, list] = def.options;
  inst._zod.parse = (payload, context) =>
    (Array.isArray(payload.value) ? list : text)._zod.run(payload, context);
});

/** A text, or a list of anything. */
export const textOrList = <Item extends z.core.$ZodType>(
  item: Item,
  error: string,
): z.ZodUnion<[z.ZodString, z.ZodArray<Item>]> =>
  new TextOrList({ type: "union", options: [z.string({ error }), listed(item)] as never }) as never;

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
