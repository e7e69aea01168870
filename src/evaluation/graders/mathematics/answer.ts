import { toNotation } from "../../../selection/answers/latex/notation.ts";
import { tokenize } from "../../../selection/answers/latex/tokens.ts";
import type { Token } from "../../../selection/answers/latex/tokens.ts";
import { ExpressionReader } from "./expression.ts";
import { determinant } from "./determinant.ts";
import { call, symbol } from "./node.ts";
import type { Node } from "./node.ts";
import { Reader, Unreadable } from "./reader.ts";
import { allBut, isAllReal } from "./settle.ts";

const relations = [
  "=",
  "<",
  ">",
  "\\le",
  "\\ge",
  "\\ne",
  "\\in",
  "\\approx",
  "\\to",
  "\\equiv",
  "\\notin",
  "\\sim",
  "\\cong",
  "\\mapsto",
  "\\rightarrow",
];
const closings: Readonly<Record<string, readonly string[]>> = {
  "(": [")", "]"],
  "[": ["]", ")", "["],
  "]": ["[", "]"],
  "{": ["}"],
  "\\{": ["\\}"],
  "\\langle": ["\\rangle"],
  "<": [">"],
};
const matrix = /^(?:[bpBvV]?matrix|array|smallmatrix|aligned|cases)$/;

/** What an answer in LaTeX says. What cannot be read is text, member by member of a list. */
export function readAnswer(latex: string): Node {
  const tokens = tokenize(latex);
  if (tokens === undefined || tokens.length > maxTokens) return { kind: "text", text: latex.trim() };
  const trimmed = tokens.slice(0, tokens.findLastIndex(({ text }) => !/^[.,;]$/.test(text)) + 1);
  return listOf(membersOf(trimmed).map(readMember));
}

const maxTokens = 1500;

const listOf = (members: readonly Node[]): Node =>
  members.length === 1 ? members[0]! : { kind: "list", members };

/** At the commas, semicolons and words that stand in no brackets; "5, and 6" has one boundary. */
function membersOf(tokens: readonly Token[]): readonly (readonly Token[])[] {
  const members: Token[][] = [[]];
  let depth = 0;
  for (const token of tokens) {
    const { text } = token;
    if (/^(?:[([{]|\\\{|\\langle|\\begin)$/.test(text)) depth++;
    else if (/^(?:[)\]}]|\\\}|\\rangle|\\end)$/.test(text)) depth--;
    if (depth <= 0 && /^(?:[,;]|\\and)$/.test(text) && token.kind !== "word") members.push([]);
    else members.at(-1)!.push(token);
  }
  const filled = members.filter((member) => member.length > 0);
  // ]1, 2[ has its brackets the other way round.
  const isOutward = tokens[0]?.text === "]" || (tokens.at(-1)?.text === "[" && depth !== 0);
  return isOutward || filled.length === 0 ? [tokens] : filled;
}

function readMember(tokens: readonly Token[]): Node {
  const words =
    tokens.some(({ kind }) => kind === "word") &&
    tokens.every(({ kind, text }) => kind === "word" || kind === "letter" || /^[-.,'’?!]$/.test(text));
  if (!words) {
    try {
      const reader = new Reader(tokens);
      const value = new AnswerReader(reader).measure();
      if (reader.next === undefined) return value;
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error;
    }
  }
  return { kind: "text", text: toNotation(tokens) };
}

/** Relations, unions, brackets and matrices, around expressions. */
class AnswerReader {
  readonly #reader: Reader;
  readonly #expressions: ExpressionReader;

  constructor(reader: Reader) {
    this.#reader = reader;
    this.#expressions = new ExpressionReader(reader, () => this.#bracket());
  }

  /** A relation, and the unit of its last side. */
  measure(): Node {
    const value = this.#relation();
    const unit = this.#unit();
    if (unit === "") return value;
    if (value.kind !== "relation") return { kind: "measure", value, unit };
    const last: Node = { kind: "measure", value: value.sides.at(-1)!, unit };
    return { ...value, sides: [...value.sides.slice(0, -1), last] };
  }

  /** Words at the end of a member, with what raises and divides them. */
  #unit(): string {
    const reader = this.#reader;
    if (reader.next?.kind !== "word") return "";
    const words: string[] = [];
    while (reader.peek() !== "" && !/^(?:[,;)\]}]|\\\}|\\and|\\row|&|\\end)$/.test(reader.peek())) {
      const { text } = reader.shift();
      if (text === "{") {
        while (reader.take("}") === undefined) words.push(reader.shift().text);
      } else words.push(text);
    }
    return words
      .join(" ")
      .replace(/\s*\^\s*-?\s*\d/g, "")
      .replace(/[.\s]+$/, "");
  }

  #relation(): Node {
    const reader = this.#reader;
    if (reader.next?.kind === "word") {
      const name = reader.shift().text;
      if (!relations.includes(reader.peek())) throw new Unreadable("words before a formula");
      return this.#sides(symbol(name.toLowerCase()));
    }
    return this.#sides(this.#union());
  }

  #sides(first: Node): Node {
    const sides = [first];
    const operators: string[] = [];
    for (let operator; (operator = this.#reader.take(...relations)) !== undefined;) {
      operators.push(operator);
      sides.push(this.#union());
    }
    return sides.length === 1 ? first : { kind: "relation", sides, operators };
  }

  #union(): Node {
    const reader = this.#reader;
    let value = this.#ratio();
    for (;;) {
      if (reader.take("\\cup") !== undefined) {
        const before = value.kind === "union" ? value.members : [value];
        value = { kind: "union", members: [...before, this.#ratio()] };
      } else if (reader.take("\\setminus", "\\backslash") !== undefined) {
        const removed = this.#ratio();
        const [only, ...others] = removed.kind === "set" ? removed.members : [];
        value =
          isAllReal(value) && only !== undefined && others.length === 0
            ? allBut(only)
            : call("setminus", value, removed);
      } else if (reader.take("\\cap") !== undefined) value = call("cap", value, this.#ratio());
      else return value;
    }
  }

  #ratio(): Node {
    const members = [this.#expressions.sum()];
    while (this.#reader.take(":") !== undefined) members.push(this.#expressions.sum());
    return members.length === 1 ? members[0]! : { kind: "tuple", brackets: "::", members };
  }

  #bracket(): Node {
    const reader = this.#reader;
    const open = reader.shift().text;
    if (open === "\\begin") return this.#matrix();
    const closing = closings[open];
    if (closing === undefined) throw new Unreadable(`${open} begins nothing`);
    const bars = reader.bars;
    reader.bars = 0;
    const isDescribed = open === "\\{" && this.#skipsSuchThat();
    const members: Node[] = [];
    while (!reader.is(...closing)) {
      members.push(this.measure());
      if (reader.take(",", ";", "\\and") !== undefined) continue;
      if (!reader.is(...closing)) throw new Unreadable("a bracket stays open");
    }
    const close = reader.shift().text;
    reader.bars = bars;
    if (isDescribed) return listOf(members);
    return toBracketed(open, close, members);
  }

  /** "x |", "x ∈ ℝ :" at the beginning of a set, whose members the conditions then describe. */
  #skipsSuchThat(): boolean {
    const reader = this.#reader;
    if (reader.next?.kind !== "letter") return false;
    const length = reader.peek(1) === "\\in" ? 3 : 1;
    if (!/^[|:]$/.test(reader.peek(length))) return false;
    reader.goTo(reader.at + length + 1);
    return true;
  }

  #matrix(): Node {
    const reader = this.#reader;
    const name = this.#environment();
    if (!matrix.test(name)) throw new Unreadable(`${name} is no matrix`);
    if (name === "array" && reader.take("{") !== undefined) while (reader.shift().text !== "}");
    const rows: Node[][] = [[]];
    while (reader.take("\\end") === undefined) {
      if (reader.take("\\row") !== undefined) rows.push([]);
      else if (reader.take("&", ",") === undefined) rows.at(-1)!.push(this.measure());
    }
    this.#environment();
    const filled = rows.filter((row) => row.length > 0);
    if (name === "vmatrix") return determinant(filled);
    if (filled.every((row) => row.length === 1 && row[0]!.kind === "relation") && name === "cases")
      return listOf(filled.flat());
    return { kind: "matrix", name: /^V|cases/.test(name) ? name : "matrix", rows: filled };
  }

  #environment(): string {
    const reader = this.#reader;
    reader.expect("{");
    let name = "";
    while (reader.take("}") === undefined) name += reader.shift().text;
    return name;
  }
}

function toBracketed(open: string, close: string, members: readonly Node[]): Node {
  const [only] = members;
  if (open === "\\{" || (open === "{" && members.length > 1)) return { kind: "set", members };
  if (open === "{") {
    if (only === undefined) throw new Unreadable("empty braces");
    return only;
  }
  // [A] around a matrix, (x) around anything.
  if (members.length === 1 && only !== undefined && only.kind !== "relation") return only;
  if (members.length === 0) throw new Unreadable("empty brackets");
  if (open === "\\langle" || open === "<") return { kind: "tuple", brackets: "()", members };
  const outward: Readonly<Record<string, string>> = { "]": "(", "[": ")" };
  const [first, last] = [open === "]" ? outward[open]! : open, close === "[" ? outward[close]! : close];
  return { kind: "tuple", brackets: first + last, members };
}
