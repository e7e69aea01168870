import { syntaxError } from "./errors.ts";
import { ExpressionParser } from "./expressions.ts";
import { tokenize } from "./lexer.ts";
import { mentions } from "./mentions.ts";
import type { Block, Expression, MacroStatement, Statement, Target } from "./nodes.ts";
import { TokenStream } from "./token-stream.ts";

/** Reads a template. @throws TemplateError with its line for what is no template */
export function parse(source: string): Block {
  return new StatementParser(new TokenStream(tokenize(source))).template();
}

class StatementParser {
  readonly #tokens: TokenStream;
  readonly #expressions: ExpressionParser;
  /** whether a `break` here has a loop to leave: not within a macro that the loop defines */
  #inLoop = false;

  constructor(tokens: TokenStream) {
    this.#tokens = tokens;
    this.#expressions = new ExpressionParser(tokens);
  }

  template(): Block {
    const body = this.#statements();
    if (this.#tokens.current.type !== "end") throw this.#unknownTag();
    return body;
  }

  /** Statements up to a tag that `ends` names, which is left to the caller, its opening read. */
  #statements(...ends: readonly string[]): Block {
    const statements: Statement[] = [];
    for (;;) {
      const { current } = this.#tokens;
      if (current.type === "text") {
        this.#tokens.next();
        statements.push({ kind: "text", text: current.value });
      } else if (current.type === "{{") {
        this.#tokens.next();
        statements.push({ kind: "print", value: this.#expressions.tuple() });
        this.#tokens.expectType("}}");
      } else if (current.type === "{%") {
        const { following } = this.#tokens;
        if (following.type !== "name") throw syntaxError("tag name expected", current.line);
        if (ends.includes(following.value)) {
          this.#tokens.next();
          return statements;
        }
        this.#tokens.next();
        statements.push(this.#statement());
        this.#tokens.expectType("%}");
      } else if (ends.length === 0) return statements;
      else throw this.#tokens.unexpected(ends.map((end) => `'${end}'`).join(" or "));
    }
  }

  /** A block's body and its closing tag. */
  #body(end: string): Block {
    this.#tokens.expectType("%}");
    const body = this.#statements(end);
    this.#tokens.next();
    return body;
  }

  #statement(): Statement {
    const tag = this.#tokens.expectName();
    switch (tag) {
      case "for":
        return this.#for();
      case "if":
        return this.#if();
      case "set":
        return this.#set();
      case "with":
        return this.#with();
      case "macro": {
        const name = this.#tokens.expectName();
        return this.#macro({ name, parameters: this.#parameters(), end: "endmacro" });
      }
      case "call":
        return this.#callBlock();
      case "filter":
        return { kind: "filter block", filter: this.#expressions.filters(), body: this.#body("endfilter") };
      case "print":
        return { kind: "print", value: this.#expressions.tuple() };
      case "generation":
        return { kind: "generation", body: this.#outsideLoops(() => this.#body("endgeneration")) };
      case "block":
        return this.#block();
      case "autoescape":
        this.#expressions.expression();
        return { kind: "with", bindings: [], body: this.#body("endautoescape") };
      case "break":
      case "continue":
        if (!this.#inLoop) throw syntaxError(`'${tag}' outside loop`, this.#tokens.current.line);
        return { kind: tag };
      default:
        throw syntaxError(`Encountered unknown tag '${tag}'.`, this.#tokens.current.line);
    }
  }

  #unknownTag(): Error {
    const { following } = this.#tokens;
    return syntaxError(`Encountered unknown tag '${String(following.value)}'.`, following.line);
  }

  #outsideLoops<T>(read: () => T): T {
    const before = this.#inLoop;
    this.#inLoop = false;
    const result = read();
    this.#inLoop = before;
    return result;
  }

  #for(): Statement {
    const target = this.#target("in");
    if (!this.#tokens.skipName("in")) throw this.#tokens.unexpected("'in'");
    const over = this.#expressions.tuple({ withConditional: false, until: "recursive" });
    const filter = this.#tokens.skipName("if") ? this.#expressions.expression() : undefined;
    const recursive = this.#tokens.skipName("recursive");
    this.#tokens.expectType("%}");
    const before = this.#inLoop;
    this.#inLoop = true;
    const body = this.#statements("endfor", "else");
    this.#inLoop = before;
    const otherwise = this.#tokens.next().value === "else" ? this.#body("endfor") : [];
    return { kind: "for", target, over, filter, body, otherwise, recursive };
  }

  #if(): Statement {
    const branches: [Expression, Block][] = [];
    for (;;) {
      const test = this.#expressions.tuple({ withConditional: false });
      this.#tokens.expectType("%}");
      branches.push([test, this.#statements("elif", "else", "endif")]);
      const end = this.#tokens.next().value;
      if (end !== "elif")
        return { kind: "if", branches, otherwise: end === "else" ? this.#body("endif") : [] };
    }
  }

  #set(): Statement {
    const target = this.#target("", true);
    if (this.#tokens.skipOperator("=")) return { kind: "set", target, value: this.#expressions.tuple() };
    const filter = this.#tokens.skipOperator("|") ? this.#expressions.filters() : undefined;
    return { kind: "set block", target, filter, body: this.#body("endset") };
  }

  #with(): Statement {
    const bindings: [Target, Expression][] = [];
    while (this.#tokens.current.type !== "%}") {
      if (bindings.length > 0) this.#tokens.expectOperator(",");
      const target = this.#target("");
      this.#tokens.expectOperator("=");
      bindings.push([target, this.#expressions.expression()]);
    }
    return { kind: "with", bindings, body: this.#body("endwith") };
  }

  #macro({
    name,
    parameters,
    end,
  }: {
    name: string;
    parameters: MacroStatement["parameters"];
    end: string;
  }): MacroStatement {
    const body = this.#outsideLoops(() => this.#body(end));
    const asks = (word: string): boolean =>
      mentions(body, word) && !parameters.some(([parameter]) => parameter === word);
    const takes = { varargs: asks("varargs"), kwargs: asks("kwargs"), caller: asks("caller") };
    return { kind: "macro", name, parameters, body, takes };
  }

  #parameters(): MacroStatement["parameters"] {
    const parameters: [string, Expression | undefined][] = [];
    this.#tokens.expectOperator("(");
    while (!this.#tokens.skipOperator(")")) {
      if (parameters.length > 0) this.#tokens.expectOperator(",");
      const parameter = this.#tokens.expectName();
      const fallback = this.#tokens.skipOperator("=") ? this.#expressions.expression() : undefined;
      if (fallback === undefined && parameters.at(-1)?.[1] !== undefined) {
        throw syntaxError("non-default argument follows default argument", this.#tokens.current.line);
      }
      parameters.push([parameter, fallback]);
    }
    return parameters;
  }

  #callBlock(): Statement {
    const parameters = this.#tokens.isOperator("(") ? this.#parameters() : [];
    const call = this.#expressions.expression();
    if (call.kind !== "call") throw syntaxError("expected call", this.#tokens.current.line);
    return { kind: "call block", call, caller: this.#macro({ name: "caller", parameters, end: "endcall" }) };
  }

  #block(): Statement {
    const name = this.#tokens.expectName();
    this.#tokens.skipName("scoped");
    this.#tokens.skipName("required");
    const body = this.#outsideLoops(() => this.#body("endblock"));
    this.#tokens.skipName(name);
    return { kind: "block", body };
  }

  /** What is assigned to: a name, several, or a member of a namespace. */
  #target(until: string, withMembers = false): Target {
    const targets: Target[] = [];
    let several = false;
    while (!(until !== "" && this.#tokens.isName(until)) && !this.#tokens.isOperator("=", ")")) {
      targets.push(this.#singleTarget(withMembers));
      if (!this.#tokens.skipOperator(",")) break;
      several = true;
    }
    if (targets.length === 0) throw this.#tokens.unexpected("a name");
    return several ? { kind: "unpack", targets } : targets[0]!;
  }

  #singleTarget(withMembers: boolean): Target {
    if (this.#tokens.skipOperator("(")) {
      const inner = this.#target("", withMembers);
      this.#tokens.expectOperator(")");
      return inner;
    }
    const { line } = this.#tokens.current;
    const name = this.#tokens.expectName();
    if (/^(?:true|false|none)$/i.test(name)) throw syntaxError(`can't assign to '${name}'`, line);
    if (!withMembers || !this.#tokens.skipOperator(".")) return { kind: "name", name };
    return { kind: "member", of: name, name: this.#tokens.expectName() };
  }
}
