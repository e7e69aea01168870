import koffi from "koffi";
import { ort } from "./api.ts";
import type { Pointer } from "./api.ts";
import { check } from "./status.ts";

/** The execution providers that the library was built with; whether one can be used, only a session tells. */
export function builtInProviders(): string[] {
  const names: [Pointer | null] = [null];
  const count: [number] = [0];
  check(ort().GetAvailableProviders(names, count) as Pointer | null);
  try {
    const pointers = koffi.decode(names[0]!, koffi.array("const char *", count[0])) as string[];
    return [...pointers];
  } finally {
    check(ort().ReleaseAvailableProviders(names[0], count[0]) as Pointer | null);
  }
}
