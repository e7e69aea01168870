import { z } from "zod";
import { RemoteError, garbage, refusal } from "./remote-error.ts";

/** What a server said, as it may be told to others. */
type Told = (said: string) => string;

/** @throws RemoteError */
export function parseJson(text: string, told: Told): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    // No cause: an engine's words of it repeat the text.
    throw garbage(`'${told(text).slice(0, 80)}' is no JSON`);
  }
}

/** What a server said, as its schema has it. @throws RemoteError */
export function readAs<Value>(schema: z.ZodType<Value>, said: unknown): Value {
  const { data, error } = schema.safeParse(said);
  if (error !== undefined) throw garbage(z.prettifyError(error).slice(0, 300));
  return data;
}

/** What a server may not offer, or not as its schema has it. */
export const optionalAnswer = <Value>(
  schema: z.ZodType<Value>,
  answer: Promise<unknown>,
): Promise<Value | undefined> =>
  answer.then(
    (said) => schema.safeParse(said).data,
    (error: unknown) => {
      if (error instanceof RemoteError && !error.retryable) return undefined;
      throw error;
    },
  );

/** For messages of streams, whose status was fine. @throws RemoteError where one tells of an error */
export function throwIfError(said: unknown, told: Told): void {
  if (typeof said !== "object" || said === null || !("error" in said) || said.error == null) return;
  const { error } = said;
  const code = typeof error === "object" && "code" in error ? Number(error.code) : NaN;
  throw refusal(Number.isInteger(code) ? code : 500, told(messageIn(said) ?? ""));
}

/** What a server says in an object that tells of an error; `undefined` where it is none. */
export function messageIn(said: unknown): string | undefined {
  if (typeof said === "string") return said;
  if (typeof said !== "object" || said === null) return undefined;
  if ("error" in said) return messageIn(said.error) ?? JSON.stringify(said.error);
  if ("message" in said) return messageIn(said.message);
  if ("detail" in said) return messageIn(said.detail) ?? JSON.stringify(said.detail);
  return undefined;
}
