import { InvalidArgumentError } from "commander";
import { headDim } from "./decoder-size.ts";
import type { Window } from "./rl/methods.ts";

/** A finite number, as an option gives it. */
export function toNumber(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value)) throw new InvalidArgumentError("It is no number.");
  return value;
}

/** A number from 0 on. */
export function toWeight(text: string): number {
  const value = toNumber(text);
  if (value < 0) throw new InvalidArgumentError("It is less than 0.");
  return value;
}

/** A number over 0. */
export function toPositive(text: string): number {
  const value = toNumber(text);
  if (value <= 0) throw new InvalidArgumentError("It is not over 0.");
  return value;
}

/** A number over 0, up to 1. */
export function toShare(text: string): number {
  const value = toPositive(text);
  if (value > 1) throw new InvalidArgumentError("A share is at most 1.");
  return value;
}

/** A whole number from 1 on. */
export function toCount(text: string): number {
  const value = toNumber(text);
  if (!Number.isInteger(value) || value < 1)
    throw new InvalidArgumentError("It is no whole number from 1 on.");
  return value;
}

/** The width of a decoder. */
export function toWidth(text: string): number {
  const value = toCount(text);
  if (value % headDim !== 0) throw new InvalidArgumentError(`It is no multiple of ${headDim}.`);
  return value;
}

/** Clip-Cov's window: `1,5`, or as quantiles `q0.97,q1`. */
export function toWindow(text: string): Window {
  const match = /^(q?)([\d.]+),(q?)([\d.]+)$/.exec(text);
  const [low, high] = [Number(match?.[2]), Number(match?.[4])];
  if (match === null || match[1] !== match[3] || !(low <= high))
    throw new InvalidArgumentError("Write LOW,HIGH, or two quantiles: q0.97,q1.");
  if (match[1] === "") return { low, high };
  if (high > 1) throw new InvalidArgumentError("A quantile is at most 1.");
  return { quantiles: [low, high] };
}
