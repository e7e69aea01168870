import type { Block } from "./nodes.ts";

/** Whether statements, or what they hold, read a name: a macro that reads varargs, kwargs or caller takes them. */
export const mentions = (body: Block, name: string): boolean =>
  holds(body, (node) => node.kind === "name" && node.name === name);

/** Whether statements, or what they hold, test something: `is string` and its like. */
export const tests = (body: Block, name: string): boolean =>
  holds(body, (node) => node.kind === "test" && node.name === name);

type Node = Readonly<Record<string, unknown>>;

function holds(node: unknown, is: (node: Node) => boolean): boolean {
  if (Array.isArray(node)) return node.some((each) => holds(each, is));
  if (typeof node !== "object" || node === null) return false;
  return is(node as Node) || Object.values(node).some((each) => holds(each, is));
}
