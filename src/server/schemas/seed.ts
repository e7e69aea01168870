import { z } from "zod";
import { described } from "../../samplers/described.ts";

/** Of 64 bits, signed or not. */
const seedLimit = 2n ** 64n;

const isSeed = (value: number | string): boolean =>
  typeof value === "string"
    ? /^-?\d{1,20}$/.test(value) && isWithin(BigInt(value))
    : Number.isInteger(value) && isWithin(BigInt(value));
const isWithin = (value: bigint): boolean => -seedLimit <= value && value <= seedLimit;

export const seed = described(
  z
    .union([z.number(), z.string()], { error: "seed must be an integer of 64 bits" })
    .refine(isSeed, "seed must be an integer of 64 bits")
    .nullish(),
  "The same seed and request give the same completion. An integer of 64 bits, signed or unsigned; a string of its digits where a client's numbers are not as precise. Default: a fresh one each time.",
  7,
);
