import type { Block } from "./nodes.ts";
import type { Scope } from "./scope.ts";

/** How a block ended: at its end, or by leaving the loop around it or that loop's present round. */
export type Flow = "end" | "break" | "continue";

/** Writes what a block renders to `out`: loops and macros are handed it for their bodies. */
export type Run = (block: Block, scope: Scope, out: string[]) => Flow;
