import { tests } from "./mentions.ts";
import type { Block, Expression, Statement } from "./nodes.ts";

/** What a template takes for the content of a message: one text, its parts, or what the message has. */
export type ContentFormat = "text" | "parts" | "either";

export function contentFormat(template: Block): ContentFormat {
  if (!loopsOverContent(template)) return "text";
  return tests(template, "string") ? "either" : "parts";
}

/**
 * Whether a loop runs over `X.content` or `X['content']`, or over a name that was set to it: vLLM's way to tell
 * templates that take content parts from those that take text.
 */
function loopsOverContent(template: Block): boolean {
  const all = [...statementsOf(template)];
  const aliases = new Set(
    all.flatMap((each) =>
      each.kind === "set" && each.target.kind === "name" && isContent(each.value) ? [each.target.name] : [],
    ),
  );
  // A macro is handed the content under a parameter's name.
  for (const each of all)
    if (each.kind === "macro")
      for (const [name] of each.parameters) if (name === "content") aliases.add(name);
  return all.some((each) => {
    if (each.kind !== "for") return false;
    const over = plain(each.over);
    return isContent(over) || (over.kind === "name" && aliases.has(over.name));
  });
}

/** An expression without the filters and slices around it. */
function plain(node: Expression): Expression {
  if (node.kind === "filter" && node.of !== undefined) return plain(node.of);
  return node.kind === "slice" ? plain(node.of) : node;
}

function isContent(node: Expression): boolean {
  const inner = plain(node);
  if (inner.kind === "attribute") return inner.name === "content";
  return inner.kind === "item" && inner.key.kind === "constant" && inner.key.value === "content";
}

function* statementsOf(block: Block): Iterable<Statement> {
  for (const statement of block) {
    yield statement;
    for (const inner of blocksOf(statement)) yield* statementsOf(inner);
  }
}

function blocksOf(node: Statement): readonly Block[] {
  if (node.kind === "if") return [...node.branches.map(([, body]) => body), node.otherwise];
  if (node.kind === "for") return [node.body, node.otherwise];
  if (node.kind === "call block") return [node.caller.body];
  return "body" in node ? [node.body] : [];
}
