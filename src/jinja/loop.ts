import { typeError } from "./errors.ts";
import { evaluate } from "./evaluate.ts";
import type { Flow, Run } from "./flow.ts";
import type { ForStatement } from "./nodes.ts";
import { equal, iterate, truth } from "./operators.ts";
import { Scope } from "./scope.ts";
import { Callable, Tuple, Undefined } from "./values.ts";
import type { Value } from "./values.ts";

/** Where a loop runs, and what runs its body. */
interface Place {
  readonly scope: Scope;
  readonly out: string[];
  readonly run: Run;
}

/** Runs a loop. Each round has names of its own; only `break` of an outer loop in the else part leaves further. */
export function forLoop(node: ForStatement, place: Place): Flow {
  return rounds(node, place, { over: evaluate(node.over, place.scope), depth: 1 });
}

function rounds(
  node: ForStatement,
  { scope, out, run }: Place,
  { over, depth }: { over: Value; depth: number },
): Flow {
  const items = chosen(node, scope, Array.from(iterate(over)));
  const state = { index: 0, changed: undefined as Value | undefined };
  const again = (value: Value): string => {
    const written: string[] = [];
    rounds(node, { scope, out: written, run }, { over: value, depth: depth + 1 });
    return written.join("");
  };
  const loop = loopObject({ node, items, state, depth, again });
  let hasEnded = false;
  for (const [index, item] of items.entries()) {
    state.index = index;
    const inner = new Scope(scope);
    inner.set("loop", loop);
    inner.assign(node.target, item);
    const flow = run(node.body, inner, out);
    if (flow === "break") break;
    hasEnded ||= flow === "end";
  }
  // As in jinja2: also where every round was left by `break` or `continue`.
  return hasEnded ? "end" : run(node.otherwise, new Scope(scope), out);
}

/** The items that the loop's own `if` lets through. */
function chosen({ filter, target }: ForStatement, scope: Scope, items: readonly Value[]): readonly Value[] {
  if (filter === undefined) return items;
  return items.filter((item) => {
    const inner = new Scope(scope);
    inner.assign(target, item);
    return truth(evaluate(filter, inner));
  });
}

interface Rounds {
  readonly node: ForStatement;
  readonly items: readonly Value[];
  readonly state: { index: number; changed: Value | undefined };
  readonly depth: number;
  readonly again: (over: Value) => string;
}

/** The variable `loop`. */
function loopObject({ node, items, state, depth, again }: Rounds): Callable {
  const count = (from: () => number) => (): bigint => BigInt(from());
  const neighbour = (step: number, which: string) => (): Value => {
    const found = items[state.index + step];
    return found === undefined ? new Undefined(`there is no ${which} item`) : found;
  };
  const cycle = new Callable("cycle", ({ positional }) => {
    if (positional.length === 0) throw typeError("no items for cycling given");
    return positional[state.index % positional.length]!;
  });
  const changed = new Callable("changed", ({ positional }) => {
    const value = new Tuple(positional);
    if (state.changed !== undefined && equal(state.changed, value)) return false;
    state.changed = value;
    return true;
  });
  const attributes = new Map<string, () => Value>([
    ["index", count(() => state.index + 1)],
    ["index0", count(() => state.index)],
    ["revindex", count(() => items.length - state.index)],
    ["revindex0", count(() => items.length - state.index - 1)],
    ["length", count(() => items.length)],
    ["first", () => state.index === 0],
    ["last", () => state.index === items.length - 1],
    ["previtem", neighbour(-1, "previous")],
    ["nextitem", neighbour(1, "next")],
    ["depth", count(() => depth)],
    ["depth0", count(() => depth - 1)],
    ["cycle", () => cycle],
    ["changed", () => changed],
  ]);
  const call = ({ positional: [over] }: { positional: readonly Value[] }): Value => {
    if (!node.recursive)
      throw typeError("The loop must have the 'recursive' marker to be called recursively.");
    if (over === undefined) throw typeError("a recursive loop is called with what it runs over");
    return again(over);
  };
  const text = (): string => `<LoopContext ${state.index + 1}/${items.length}>`;
  return new Callable("loop", call, { attributes, text, typeName: "jinja2.runtime.LoopContext" });
}
