import { isUnit } from "./units.ts";

export interface Token {
  /** A `word` is text or a unit; a `macro` has its backslash in `text`. */
  readonly kind: "number" | "letter" | "word" | "macro" | "mark";
  readonly text: string;
}

const macro = (names: string): RegExp => new RegExp(String.raw`\\(?:${names})(?![a-zA-Z])`, "g");

/** Ways of writing that say the same, in this order. */
const spellings: readonly (readonly [RegExp, string])[] = [
  // Thousands that say so; a German decimal comma.
  [/(?<=\d)(?:\{,\}|,\\!\s*|\\[,;:! ]|~|[\u00a0\u2009\u202f ])(?=\d{3}(?!\d))/g, ""],
  [/(?<=\d)\{,\}(?=\d)/g, "."],
  [/\\\\(?:\s*\[[^\]]*\])?/g, " \\row "],
  [/[−–]/g, "-"],
  [/[×·]/g, "\\cdot "],
  [/÷/g, "/"],
  [/≤|⩽/g, "\\le "],
  [/≥|⩾/g, "\\ge "],
  [/<=/g, "\\le "],
  [/>=/g, "\\ge "],
  [/≠|!=/g, "\\ne "],
  [/≈/g, "\\approx "],
  [/±/g, "\\pm "],
  [/∞/g, "\\infty "],
  [/π/g, "\\pi "],
  [/√/g, "\\sqrt "],
  [/∪/g, "\\cup "],
  [/∈/g, "\\in "],
  [/∅/g, "\\emptyset "],
  [/ℝ/g, "\\mathbb{R}"],
  [/⟨/g, "\\langle "],
  [/⟩/g, "\\rangle "],
  [/½/g, "\\frac{1}{2}"],
  [/¼/g, "\\frac{1}{4}"],
  [/¾/g, "\\frac{3}{4}"],
  [/²/g, "^{2}"],
  [/³/g, "^{3}"],
  [/°|\\degree(?![a-zA-Z])/g, "^\\circ "],
  [/\^\s*\{\s*\\(?:circ|degree)\s*\}/g, "^\\circ "],
  [/\\(?:hspace|vspace|phantom|hphantom|label|tag)\*?\s*\{[^{}]*\}/g, " "],
  [/\\[()[\]]/g, " "],
  [/\\\{\s*\\\}/g, "\\emptyset "],
  [/\{:\}/g, ":"],
  // 5^{th}, and what cases say before a condition.
  [/(?<=\d)\s*\^\s*\{?\s*(?:th|\\(?:text|mathrm|textrm)\s*\{\s*(?:st|nd|rd|th)\s*\})\s*\}?/g, " "],
  [/\\text\s*\{\s*(?:if|for|when)\s*\}/g, " "],
  [/\{([^{}]{1,200}?)\\choose(?![a-zA-Z])([^{}]{1,200})\}/g, "\\binom{$1}{$2}"],
  [/\\\$|\$|[€£¥]|\\pounds(?![a-zA-Z])/g, " "],
  [/\\[,;:! ]|~/g, " "],
  [macro("quad|qquad|displaystyle|textstyle|scriptstyle|limits|nolimits|bf|rm|it"), " "],
  [macro("left|right|[bB]ig{1,2}[lrm]?|middle"), " "],
  [macro("[dtc]frac"), "\\frac"],
  [macro("[dt]binom"), "\\binom"],
  // Without braces the parts are single digits.
  [/\\(frac|binom)\s*(\d)\s*(?=[\d{\\a-zA-Z])/g, "\\$1{$2}"],
  [/\\(frac|binom)(\{[^{}]*\})\s*(\d)/g, "\\$1$2{$3}"],
  [macro("leqslant|leqq|leq|le"), "\\le "],
  [macro("geqslant|geqq|geq|ge"), "\\ge "],
  [macro("neq|ne"), "\\ne "],
  [macro("lt"), "<"],
  [macro("gt"), ">"],
  [macro("times|ast"), "\\cdot "],
  [macro("div"), "/"],
  [macro("varnothing"), "\\emptyset "],
  [macro("lbrace"), "\\{"],
  [macro("rbrace"), "\\}"],
  [macro("lbrack"), "["],
  [macro("rbrack"), "]"],
  [macro("l?vert|rvert|mid"), "|"],
  [macro("varphi"), "\\phi "],
  [macro("varepsilon"), "\\epsilon "],
  [macro("approxeq|simeq"), "\\approx "],
  [macro("colon"), ":"],
  [/\\ne\s*=|\/\s*=/g, "\\ne "],
  // Repeating decimals.
  [/(\d*\.\d*)\s*\\(?:overline|bar)\s*\{?\s*(\d+)\s*\}?/g, "$1($2)"],
  [/(\d*\.\d*)\s*\\dot\s*\{?(\d)\}?\s*(?:(\d*)\s*\\dot\s*\{?(\d)\}?)?/g, "$1($2$3$4)"],
  [/(\d*\.\d{0,20}?)(\d{1,8}?)\2{2,30}\s?(?:\\ldots|\\dots|\\cdots|\.\.\.|…)/g, "$1($2)"],
];

const styled = macro(
  "boldsymbol|bm|mathbf|mathit|mathcal|mathsf|pmb|ensuremath|overrightarrow|vec|hat|displaylines",
);
const text =
  /^\\(?:text(?:bf|it|rm|sf|tt|normal|sc|up)?|mbox|hbox|mathrm|operatorname\*?|rm|emph)\s*\{([^{}]*)\}/;
const functionName =
  /^(?:arc(?:sin|cos|tan|cot|sec|csc)|(?:sin|cos|tan|cot|sec|csc)h?|ln|log|lg|exp|sqrt|gcd|lcm|min|max|pi|infinity|infty|and|or)$/;
const names: Readonly<Record<string, string>> = { infinity: "infty" };

/** @returns undefined when a character belongs to no token */
export function tokenize(latex: string): readonly Token[] | undefined {
  let rest = latex;
  for (const [pattern, replacement] of spellings) rest = rest.replace(pattern, replacement);
  rest = rest.replace(styled, " ");
  const tokens: Token[] = [];
  while ((rest = rest.trimStart()) !== "") {
    const next = readToken(rest, tokens.at(-1));
    if (next === undefined) return undefined;
    tokens.push(...next.tokens);
    rest = rest.slice(next.length);
  }
  return tokens;
}

interface Read {
  readonly tokens: readonly Token[];
  /** How much of the text they stand for. */
  readonly length: number;
}

/** Whether a unit may follow. */
const endsQuantity = (last: Token | undefined): boolean =>
  last !== undefined &&
  (last.kind === "number" || last.text === "}" || last.text === ")" || /^\\(?:pi|circ)$/.test(last.text));

function readToken(rest: string, last: Token | undefined): Read | undefined {
  const written = text.exec(rest);
  if (written !== null) return { tokens: readText(written[1]!, last), length: written[0].length };
  const number =
    /^(?:\d*\.\d*\(\d+\)|(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+(?![a-zA-Z]))?)/.exec(rest)?.[0] ?? "";
  if (number !== "") return { tokens: [{ kind: "number", text: number }], length: number.length };
  const name = /^\\mathbb\s*\{?\s*([A-Z])\s*\}?/.exec(rest);
  if (name !== null) return { tokens: [{ kind: "letter", text: `𝔹${name[1]!}` }], length: name[0].length };
  const command = /^\\(?:[a-zA-Z]+|[{}%|&])/.exec(rest)?.[0];
  if (command !== undefined) return { tokens: [{ kind: "macro", text: command }], length: command.length };
  const letters = /^[a-zA-Z]+/.exec(rest)?.[0];
  if (letters !== undefined) return { tokens: readLetters(letters, last), length: letters.length };
  const mark = /^[-+*/^_(){}[\],;:.=<>|!%&'?]|^[^\s\\\p{L}\d]/u.exec(rest)?.[0];
  if (mark !== undefined) return { tokens: [{ kind: "mark", text: mark }], length: mark.length };
  const other = /^\p{L}+/u.exec(rest)?.[0];
  return other === undefined ? undefined : { tokens: [{ kind: "word", text: other }], length: other.length };
}

/** What stands in \text{…}: words, or mathematics that was set upright. */
function readText(content: string, last: Token | undefined): readonly Token[] {
  const plain = content.trim();
  if (/^,?\s*(?:and|or)\s*,?$/i.test(plain)) return [{ kind: "macro", text: "\\and" }];
  if (/^[eid]$/.test(plain)) return [{ kind: "letter", text: plain }];
  const isMathematics = /^[^a-zA-Z]*[a-zA-Z]?[^a-zA-Z]*$/.test(plain) || functionName.test(plain);
  if (isMathematics && !(/^[a-zA-Z]$/.test(plain) && endsQuantity(last))) return tokenize(plain) ?? [];
  return plain
    .split(/([,;]|\b(?:and|or)\b)/)
    .filter((piece) => piece.trim() !== "")
    .map((piece): Token => {
      const isBoundary = /^(?:[,;]|and|or)$/.test(piece);
      return { kind: isBoundary ? "macro" : "word", text: isBoundary ? "\\and" : piece.trim() };
    });
}

/** Letters in a row: a function, a unit, a word, or symbols that are multiplied. */
function readLetters(letters: string, last: Token | undefined): readonly Token[] {
  if (/^(?:and|or)$/.test(letters)) return [{ kind: "macro", text: "\\and" }];
  if (functionName.test(letters)) return [{ kind: "macro", text: `\\${names[letters] ?? letters}` }];
  const isWord =
    letters.length >= 4 ||
    /^[A-Z][a-z]{2,}$/.test(letters) ||
    (letters.length >= 2 && endsQuantity(last) && isUnit(letters)) ||
    (last?.kind === "word" && letters.length >= 2);
  if (isWord) return [{ kind: "word", text: letters }];
  return letters.split(/(?<=.)/u).map((letter) => ({ kind: "letter", text: letter }));
}
