import { z } from "zod";

/** A field of the API that means something to some samplers alone. */
export interface Field<Schema extends z.ZodType = z.ZodType> {
  /** Of its values. The API also takes null, for a field that is left out. */
  readonly schema: Schema;
  /** What it does, as a sentence. */
  readonly meaning: string;
  /** The default where a request leaves it out, in words. */
  readonly usual: string;
  readonly example: unknown;
  /** Values that clients send by default and that change nothing: samplers without the field accept them. */
  readonly neutral?: readonly unknown[];
  /**
   * Whether common clients send values of their own choice that no user asked for. Samplers without the field let these
   * be where the request does not name them.
   */
  readonly isSentUnasked?: boolean;
  /** The value by which clients of other servers ask for the sampler itself: a request that names none gets this one. */
  readonly picks?: unknown;
  /** What the playground calls its control; it has none where this is left out. */
  readonly label?: string;
  /** The field of the sampler, and its value, without which this one means nothing. */
  readonly under?: readonly [field: string, value: string];
  /** What `metropolis eval` calls the option that sweeps it, where that is not the field's own name. */
  readonly option?: string;
}

/** By their names in the API. */
export type Fields = Readonly<Record<string, Field>>;

/** What a request says of a sampler's fields. */
export type Values<Own extends Fields> = {
  readonly [Name in keyof Own]?: z.output<Own[Name]["schema"]> | undefined;
};

export const field = <Schema extends z.ZodType>(
  schema: Schema,
  about: Omit<Field, "schema">,
): Field<Schema> => ({ schema, ...about });

/** A field of some words. */
export const choice = <const Words extends readonly [string, ...string[]]>(
  name: string,
  words: Words,
  about: Omit<Field, "schema">,
) => field(z.enum(words, { error: `${name} must be one of ${words.join(", ")}` }), about);
