import { InvalidArgumentError } from "commander";

/** A finite number, as an option gives it. */
export function toNumber(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value)) throw new InvalidArgumentError("It is no number.");
  return value;
}

/** A whole number from 1 on. */
export function toCount(text: string): number {
  const value = toNumber(text);
  if (!Number.isInteger(value) || value < 1)
    throw new InvalidArgumentError("It is no whole number from 1 on.");
  return value;
}
