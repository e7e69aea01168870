import type Fraction from "fraction.js";

/** What an answer says, as it was written; nothing is computed. */
export type Node =
  /** `isRounded` where a decimal point may stand for an irrational number that was cut off. */
  | { readonly kind: "number"; readonly value: Fraction; readonly isRounded: boolean }
  | { readonly kind: "symbol"; readonly name: string }
  /** Operations and functions: "+", "/", "^", "neg", "root" (degree first), "±", "sin", "log" (base first), … */
  | { readonly kind: "call"; readonly name: string; readonly args: readonly Node[] }
  /** Tuples and intervals; a ratio's brackets are "::". */
  | { readonly kind: "tuple"; readonly brackets: string; readonly members: readonly Node[] }
  /** Members in any order: of a bare list, or in braces. */
  | { readonly kind: "list" | "set"; readonly members: readonly Node[] }
  | { readonly kind: "union"; readonly members: readonly Node[] }
  | { readonly kind: "matrix"; readonly name: string; readonly rows: readonly (readonly Node[])[] }
  /** `sides[0] operators[0] sides[1] operators[1] …` */
  | { readonly kind: "relation"; readonly sides: readonly Node[]; readonly operators: readonly string[] }
  | { readonly kind: "measure"; readonly value: Node; readonly unit: string }
  /** Words, and what could not be read: equal only to itself. */
  | { readonly kind: "text"; readonly text: string };

export type Call = Extract<Node, { kind: "call" }>;

export const call = (name: string, ...args: readonly Node[]): Call => ({ kind: "call", name, args });
export const symbol = (name: string): Node => ({ kind: "symbol", name });

/** The nodes directly below. */
export function childrenOf(node: Node): readonly Node[] {
  switch (node.kind) {
    case "call":
      return node.args;
    case "tuple":
    case "list":
    case "set":
    case "union":
      return node.members;
    case "matrix":
      return node.rows.flat();
    case "relation":
      return node.sides;
    case "measure":
      return [node.value];
    default:
      return [];
  }
}

/** A copy whose nodes directly below are others. */
export function mapChildren(node: Node, map: (child: Node) => Node): Node {
  switch (node.kind) {
    case "call":
      return { ...node, args: node.args.map(map) };
    case "tuple":
    case "list":
    case "set":
    case "union":
      return { ...node, members: node.members.map(map) };
    case "matrix":
      return { ...node, rows: node.rows.map((row) => row.map(map)) };
    case "relation":
      return { ...node, sides: node.sides.map(map) };
    case "measure":
      return { ...node, value: map(node.value) };
    default:
      return node;
  }
}
