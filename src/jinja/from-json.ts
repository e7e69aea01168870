import { typeError } from "./errors.ts";
import { Dict } from "./values.ts";
import type { Value } from "./values.ts";

/** JSON as Python's json.loads has it; what is undefined is left out. @throws TemplateError for what JSON has not */
export function fromJson(value: unknown): Value {
  if (
    value === null ||
    typeof value === "string" ||
    typeof value === "boolean" ||
    typeof value === "bigint"
  ) {
    return value;
  }
  if (typeof value === "number") return Number.isSafeInteger(value) ? BigInt(value) : value;
  if (Array.isArray(value)) return value.map((member) => fromJson(member === undefined ? null : member));
  if (typeof value === "object") {
    const entries = Object.entries(value).filter(([, member]) => member !== undefined);
    return Dict.of(entries.map(([key, member]) => [key, fromJson(member)]));
  }
  throw typeError(`a template takes JSON values, not a ${typeof value}`);
}
