import { applyFilter, argumentsOf, evaluate, invoke } from "./evaluate.ts";
import { typeError } from "./errors.ts";
import type { Flow } from "./flow.ts";
import { forLoop } from "./loop.ts";
import { macro } from "./macro.ts";
import type { Block, Statement } from "./nodes.ts";
import { truth } from "./operators.ts";
import { str } from "./repr.ts";
import { Scope } from "./scope.ts";
import { textOf, typeName } from "./values.ts";
import type { Value } from "./values.ts";

/** Writes what a block renders to `out`. @throws TemplateError where Python raises */
export function run(block: Block, scope: Scope, out: string[]): Flow {
  for (const statement of block) {
    const flow = step(statement, scope, out);
    if (flow !== "end") return flow;
  }
  return "end";
}

function step(node: Statement, scope: Scope, out: string[]): Flow {
  switch (node.kind) {
    case "text":
      out.push(node.text);
      return "end";
    case "print":
      out.push(str(evaluate(node.value, scope)));
      return "end";
    case "break":
    case "continue":
      return node.kind;
    case "if": {
      const branch = node.branches.find(([test]) => truth(evaluate(test, scope)));
      return run(branch?.[1] ?? node.otherwise, scope, out);
    }
    case "for":
      return forLoop(node, { scope, out, run });
    case "set":
      scope.assign(node.target, evaluate(node.value, scope));
      return "end";
    case "set block":
      return captured(node.body, scope, (text) => {
        const value = node.filter === undefined ? text : applyFilter(node.filter, scope, text);
        scope.assign(node.target, value);
      });
    case "filter block":
      return captured(node.body, scope, (text) => {
        const filtered = applyFilter(node.filter, scope, text);
        // jinja2 joins what blocks write, and text alone can be joined.
        if (textOf(filtered) === undefined)
          throw typeError(`sequence item 0: expected str instance, ${typeName(filtered)} found`);
        out.push(str(filtered));
      });
    case "with": {
      const inner = new Scope(scope);
      const values = node.bindings.map(([, value]) => evaluate(value, scope));
      node.bindings.forEach(([target], index) => {
        inner.assign(target, values[index]!);
      });
      return run(node.body, inner, out);
    }
    case "macro":
      scope.set(node.name, macro(node, scope, run));
      return "end";
    case "call block":
      out.push(str(call(node, scope)));
      return "end";
    case "generation":
      return run(node.body, new Scope(scope), out);
    case "block":
      // A block sees what the template sets at its top, not the loops around it.
      return run(node.body, new Scope(scope.root), out);
  }
}

function captured(body: Block, scope: Scope, use: (text: string) => void): Flow {
  const written: string[] = [];
  const flow = run(body, new Scope(scope), written);
  if (flow === "end") use(written.join(""));
  return flow;
}

function call(node: Statement & { kind: "call block" }, scope: Scope): Value {
  const { callee, call: written } = node.call;
  const given = argumentsOf(written, scope);
  const named = new Map([...given.named, ["caller", macro(node.caller, scope, run)]]);
  return invoke(evaluate(callee, scope), { positional: given.positional, named });
}
