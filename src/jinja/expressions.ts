import type { Operator } from "./arithmetic.ts";
import type { Call, Comparison, Expression, FilterExpression } from "./nodes.ts";
import type { TokenStream } from "./token-stream.ts";

const constants: ReadonlyMap<string, boolean | null> = new Map([
  ["true", true],
  ["True", true],
  ["false", false],
  ["False", false],
  ["none", null],
  ["None", null],
]);

/** Reads expressions in jinja2's order of precedence, loosest first. */
export class ExpressionParser {
  readonly #tokens: TokenStream;

  constructor(tokens: TokenStream) {
    this.#tokens = tokens;
  }

  expression(withConditional = true): Expression {
    return withConditional ? this.#conditional() : this.#or();
  }

  /** One expression, or a tuple of several; `until` names a word that ends it. */
  tuple({ withConditional = true, until = "", parenthesized = false } = {}): Expression {
    const items: Expression[] = [];
    for (;;) {
      if (this.#endsTuple(until)) break;
      items.push(this.expression(withConditional));
      if (!this.#tokens.isOperator(",")) {
        if (items.length === 1) return items[0]!;
        break;
      }
      this.#tokens.next();
    }
    if (items.length === 0 && !parenthesized) throw this.#tokens.unexpected("an expression");
    return { kind: "tuple", items };
  }

  #endsTuple(until: string): boolean {
    const { type } = this.#tokens.current;
    if (type === "}}" || type === "%}" || this.#tokens.isOperator(")")) return true;
    return until !== "" && this.#tokens.isName(until);
  }

  #conditional(): Expression {
    let then = this.#or();
    while (this.#tokens.skipName("if")) {
      const test = this.#or();
      then = this.#tokens.skipName("else")
        ? { kind: "conditional", test, then, otherwise: this.#conditional() }
        : { kind: "conditional", test, then };
    }
    return then;
  }

  #or(): Expression {
    let left = this.#and();
    while (this.#tokens.skipName("or")) left = { kind: "or", left, right: this.#and() };
    return left;
  }

  #and(): Expression {
    let left = this.#not();
    while (this.#tokens.skipName("and")) left = { kind: "and", left, right: this.#not() };
    return left;
  }

  #not(): Expression {
    return this.#tokens.skipName("not") ? { kind: "not", of: this.#not() } : this.#compare();
  }

  #compare(): Expression {
    const first = this.#sum();
    const rest: Comparison[] = [];
    for (;;) {
      const operator = this.#comparison();
      if (operator === undefined) break;
      rest.push({ operator, with: this.#sum() });
    }
    return rest.length === 0 ? first : { kind: "compare", first, rest };
  }

  #comparison(): Comparison["operator"] | undefined {
    for (const operator of ["==", "!=", "<=", ">=", "<", ">"] as const) {
      if (this.#tokens.skipOperator(operator)) return operator;
    }
    if (this.#tokens.skipName("in")) return "in";
    const { following } = this.#tokens;
    if (!this.#tokens.isName("not") || following.type !== "name" || following.value !== "in")
      return undefined;
    this.#tokens.next();
    this.#tokens.next();
    return "not in";
  }

  #sum(): Expression {
    return this.#leftToRight(["+", "-"], () => this.#concat());
  }

  #concat(): Expression {
    const parts = [this.#product()];
    while (this.#tokens.skipOperator("~")) parts.push(this.#product());
    return parts.length === 1 ? parts[0]! : { kind: "concat", parts };
  }

  #product(): Expression {
    return this.#leftToRight(["*", "/", "//", "%"], () => this.#leftToRight(["**"], () => this.unary()));
  }

  #leftToRight(operators: readonly Operator[], operand: () => Expression): Expression {
    let left = operand();
    for (;;) {
      const operator = operators.find((each) => this.#tokens.skipOperator(each));
      if (operator === undefined) return left;
      left = { kind: "arithmetic", operator, left, right: operand() };
    }
  }

  unary(withFilters = true): Expression {
    const signed = this.#tokens.skipOperator("-")
      ? "negate"
      : this.#tokens.skipOperator("+")
        ? "plus"
        : undefined;
    const operand: Expression =
      signed === undefined ? this.#primary() : { kind: signed, of: this.unary(false) };
    const whole = this.#postfix(operand);
    return withFilters ? this.#filtered(whole) : whole;
  }

  #primary(): Expression {
    const { current } = this.#tokens;
    if (current.type === "string") return this.#strings();
    if (current.type === "name" || current.type === "number") {
      this.#tokens.next();
      if (current.type === "number") return { kind: "constant", value: current.value };
      const constant = constants.get(current.value);
      return constant === undefined
        ? { kind: "name", name: current.value }
        : { kind: "constant", value: constant };
    }
    if (this.#tokens.skipOperator("(")) {
      const inner = this.tuple({ parenthesized: true });
      this.#tokens.expectOperator(")");
      return inner;
    }
    if (this.#tokens.skipOperator("[")) {
      return { kind: "list", items: this.#separated("]", () => this.expression()) };
    }
    if (!this.#tokens.skipOperator("{")) throw this.#tokens.unexpected();
    const entries = this.#separated("}", () => {
      const key = this.expression();
      this.#tokens.expectOperator(":");
      return [key, this.expression()] as const;
    });
    return { kind: "dict", entries };
  }

  /** Literals side by side are one. */
  #strings(): Expression {
    let value = "";
    for (let { current } = this.#tokens; current.type === "string"; { current } = this.#tokens) {
      value += current.value;
      this.#tokens.next();
    }
    return { kind: "constant", value };
  }

  #separated<T>(close: string, one: () => T): T[] {
    const all: T[] = [];
    while (!this.#tokens.skipOperator(close)) {
      if (all.length > 0) {
        this.#tokens.expectOperator(",");
        if (this.#tokens.skipOperator(close)) break;
      }
      all.push(one());
    }
    return all;
  }

  #postfix(operand: Expression): Expression {
    let of = operand;
    for (;;) {
      if (this.#tokens.skipOperator(".")) of = this.#member(of);
      else if (this.#tokens.skipOperator("[")) of = this.#subscript(of);
      else if (this.#tokens.isOperator("(")) of = { kind: "call", callee: of, call: this.call() };
      else return of;
    }
  }

  #member(of: Expression): Expression {
    const token = this.#tokens.next();
    if (token.type === "name") return { kind: "attribute", of, name: token.value };
    if (token.type !== "number") throw this.#tokens.unexpected("name or number");
    return { kind: "item", of, key: { kind: "constant", value: token.value } };
  }

  #subscript(of: Expression): Expression {
    if (this.#tokens.isOperator(":")) return this.#slice(of, undefined);
    const keys: Expression[] = [];
    while (!this.#tokens.skipOperator("]")) {
      if (keys.length > 0) this.#tokens.expectOperator(",");
      keys.push(this.expression());
      if (this.#tokens.isOperator(":") && keys.length === 1) return this.#slice(of, keys[0]);
    }
    return { kind: "item", of, key: keys.length === 1 ? keys[0]! : { kind: "tuple", items: keys } };
  }

  #slice(of: Expression, start: Expression | undefined): Expression {
    const bounds = [start];
    while (this.#tokens.skipOperator(":")) {
      bounds.push(this.#tokens.isOperator(":", "]") ? undefined : this.expression());
    }
    this.#tokens.expectOperator("]");
    if (bounds.length > 3) throw this.#tokens.unexpected("']'");
    return { kind: "slice", of, bounds };
  }

  /** Arguments in parentheses. */
  call(): Call {
    this.#tokens.expectOperator("(");
    const positional: Expression[] = [];
    const named: [string, Expression][] = [];
    const spreads: { spread?: Expression; spreadNamed?: Expression } = {};
    const misplaced = (wrong: boolean): void => {
      if (wrong) throw this.#tokens.unexpected("valid syntax of a call");
    };
    this.#separated(")", () => {
      misplaced(spreads.spreadNamed !== undefined);
      const { following } = this.#tokens;
      if (this.#tokens.skipOperator("*")) {
        misplaced(spreads.spread !== undefined);
        spreads.spread = this.expression();
      } else if (this.#tokens.skipOperator("**")) spreads.spreadNamed = this.expression();
      else if (this.#tokens.isName() && following.type === "operator" && following.value === "=") {
        const name = this.#tokens.expectName();
        this.#tokens.next();
        named.push([name, this.expression()]);
      } else {
        misplaced(spreads.spread !== undefined || named.length > 0);
        positional.push(this.expression());
      }
    });
    return { positional, named, ...spreads };
  }

  #filtered(operand: Expression): Expression {
    let of = operand;
    for (;;) {
      if (this.#tokens.skipOperator("|")) of = this.filter(of);
      else if (this.#tokens.skipName("is")) of = this.#test(of);
      else if (this.#tokens.isOperator("(")) of = { kind: "call", callee: of, call: this.call() };
      else return of;
    }
  }

  /** One filter and its arguments, after the bar. */
  filter(of: Expression | undefined): FilterExpression {
    return { kind: "filter", of, name: this.#dotted(), call: this.#optionalCall() };
  }

  /** The filters that a block's text goes through, after its first bar. */
  filters(): FilterExpression {
    let filter = this.filter(undefined);
    while (this.#tokens.skipOperator("|")) filter = this.filter(filter);
    return filter;
  }

  #test(of: Expression): Expression {
    const negated = this.#tokens.skipName("not");
    const name = this.#dotted();
    const test: Expression = { kind: "test", of, name, call: this.#testArguments() };
    return negated ? { kind: "not", of: test } : test;
  }

  /** In parentheses, or one argument without. */
  #testArguments(): Call {
    const { type } = this.#tokens.current;
    const bare = type === "string" || type === "number" || this.#tokens.isOperator("[", "{");
    if (!bare && (type !== "name" || this.#tokens.isName("else", "or", "and"))) return this.#optionalCall();
    if (this.#tokens.isName("is")) throw this.#tokens.unexpected("no chain of tests with is");
    return { positional: [this.#postfix(this.#primary())], named: [] };
  }

  #optionalCall(): Call {
    return this.#tokens.isOperator("(") ? this.call() : { positional: [], named: [] };
  }

  #dotted(): string {
    let name = this.#tokens.expectName();
    while (this.#tokens.skipOperator(".")) name += `.${this.#tokens.expectName()}`;
    return name;
  }
}
