import type { Operator } from "./arithmetic.ts";
import type { Order } from "./operators.ts";
import type { Value } from "./values.ts";

/** The grammar of Jinja, as jinja2.nodes names it. */
export type Expression =
  | { readonly kind: "constant"; readonly value: Value }
  | { readonly kind: "name"; readonly name: string }
  | { readonly kind: "list" | "tuple"; readonly items: readonly Expression[] }
  | { readonly kind: "dict"; readonly entries: readonly (readonly [Expression, Expression])[] }
  | {
      readonly kind: "conditional";
      readonly test: Expression;
      readonly then: Expression;
      readonly otherwise?: Expression;
    }
  | { readonly kind: "and" | "or"; readonly left: Expression; readonly right: Expression }
  | { readonly kind: "not" | "negate" | "plus"; readonly of: Expression }
  | {
      readonly kind: "arithmetic";
      readonly operator: Operator;
      readonly left: Expression;
      readonly right: Expression;
    }
  | { readonly kind: "concat"; readonly parts: readonly Expression[] }
  | { readonly kind: "compare"; readonly first: Expression; readonly rest: readonly Comparison[] }
  | { readonly kind: "attribute"; readonly of: Expression; readonly name: string }
  | { readonly kind: "item"; readonly of: Expression; readonly key: Expression }
  | { readonly kind: "slice"; readonly of: Expression; readonly bounds: readonly (Expression | undefined)[] }
  | CallExpression
  | FilterExpression
  | { readonly kind: "test"; readonly of: Expression; readonly name: string; readonly call: Call };

export interface CallExpression {
  readonly kind: "call";
  readonly callee: Expression;
  readonly call: Call;
}

/** A filter of a block has no expression to filter: what the block writes comes first. */
export interface FilterExpression {
  readonly kind: "filter";
  readonly of: Expression | undefined;
  readonly name: string;
  readonly call: Call;
}

export interface Comparison {
  readonly operator: Order | "==" | "!=" | "in" | "not in";
  readonly with: Expression;
}

/** The arguments of a call as written. */
export interface Call {
  readonly positional: readonly Expression[];
  readonly named: readonly (readonly [string, Expression])[];
  readonly spread?: Expression;
  readonly spreadNamed?: Expression;
}

/** What a `for` or `set` assigns to. */
export type Target =
  | { readonly kind: "name"; readonly name: string }
  | { readonly kind: "member"; readonly of: string; readonly name: string }
  | { readonly kind: "unpack"; readonly targets: readonly Target[] };

export type Statement =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "print"; readonly value: Expression }
  | ForStatement
  | {
      readonly kind: "if";
      readonly branches: readonly (readonly [Expression, Block])[];
      readonly otherwise: Block;
    }
  | { readonly kind: "set"; readonly target: Target; readonly value: Expression }
  | {
      readonly kind: "set block";
      readonly target: Target;
      readonly filter: FilterExpression | undefined;
      readonly body: Block;
    }
  | {
      readonly kind: "with";
      readonly bindings: readonly (readonly [Target, Expression])[];
      readonly body: Block;
    }
  | MacroStatement
  | { readonly kind: "call block"; readonly call: CallExpression; readonly caller: MacroStatement }
  | { readonly kind: "filter block"; readonly filter: FilterExpression; readonly body: Block }
  | { readonly kind: "generation"; readonly body: Block }
  | { readonly kind: "block"; readonly body: Block }
  | { readonly kind: "break" | "continue" };

export type Block = readonly Statement[];

export interface ForStatement {
  readonly kind: "for";
  readonly target: Target;
  readonly over: Expression;
  readonly filter: Expression | undefined;
  readonly body: Block;
  readonly otherwise: Block;
  readonly recursive: boolean;
}

/** A macro, or what a call block hands to the macro that it calls. */
export interface MacroStatement {
  readonly kind: "macro";
  readonly parameters: readonly (readonly [name: string, fallback: Expression | undefined])[];
  readonly name: string;
  readonly body: Block;
  /** whether the body asks for what was given beyond the parameters */
  readonly takes: { readonly varargs: boolean; readonly kwargs: boolean; readonly caller: boolean };
}
