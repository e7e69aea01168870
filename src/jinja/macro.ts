import { typeError } from "./errors.ts";
import { evaluate } from "./evaluate.ts";
import type { Run } from "./flow.ts";
import type { MacroStatement } from "./nodes.ts";
import { repr } from "./repr.ts";
import { Scope } from "./scope.ts";
import { Callable, Dict, Tuple, Undefined } from "./values.ts";
import type { Arguments, Value } from "./values.ts";

/** A macro of the scope that it stands in: it sees that scope as it is when called. */
export function macro(node: MacroStatement, scope: Scope, run: Run): Callable {
  const parameters = node.parameters.map(([name]) => name);
  const attributes = new Map<string, () => Value>([
    ["name", () => node.name],
    ["arguments", () => new Tuple(parameters)],
    ["catch_kwargs", () => node.takes.kwargs],
    ["catch_varargs", () => node.takes.varargs],
    ["caller", () => node.takes.caller],
  ]);
  const call = (given: Arguments): string => {
    const inner = new Scope(scope);
    bindMacro(node, given, inner);
    const out: string[] = [];
    run(node.body, inner, out);
    return out.join("");
  };
  return new Callable(node.name, call, {
    attributes,
    text: () => `<Macro ${repr(node.name)}>`,
    typeName: "jinja2.runtime.Macro",
  });
}

function bindMacro(
  { name, parameters, takes }: MacroStatement,
  { positional, named }: Arguments,
  inner: Scope,
): void {
  const rest = new Map(named);
  const take = (key: string): Value | undefined => {
    const value = rest.get(key);
    rest.delete(key);
    return value;
  };
  parameters.forEach(([parameter, fallback], index) => {
    const given = index < positional.length ? positional[index] : take(parameter);
    if (given !== undefined) inner.set(parameter, given);
    else if (fallback !== undefined) inner.set(parameter, evaluate(fallback, inner));
    else inner.set(parameter, new Undefined(`parameter ${repr(parameter)} was not provided`));
  });
  if (takes.caller) inner.set("caller", take("caller") ?? new Undefined("No caller defined"));
  if (takes.kwargs) inner.set("kwargs", Dict.of(rest));
  else if (rest.size > 0) {
    throw typeError(`macro ${repr(name)} takes no keyword argument ${repr([...rest.keys()][0]!)}`);
  }
  if (takes.varargs) inner.set("varargs", new Tuple(positional.slice(parameters.length)));
  else if (positional.length > parameters.length) {
    throw typeError(`macro ${repr(name)} takes not more than ${parameters.length} argument(s)`);
  }
}
