import type { Block } from "./nodes.ts";

/** Whether statements, or what they hold, read a name: a macro that reads varargs, kwargs or caller takes them. */
export function mentions(body: Block, name: string): boolean {
  return within(body, name);
}

function within(node: unknown, name: string): boolean {
  if (Array.isArray(node)) return node.some((each) => within(each, name));
  if (typeof node !== "object" || node === null) return false;
  if ("kind" in node && node.kind === "name" && "name" in node && node.name === name) return true;
  return Object.values(node).some((each) => within(each, name));
}
