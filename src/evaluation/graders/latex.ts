/** The content of the last \boxed{…} or \fbox{…}, braces balanced; also of `\boxed 5`. */
export function lastBoxed(text: string): string | undefined {
  const start = [...text.matchAll(/\\(?:boxed|fbox)(?![a-zA-Z])\s*/g)].at(-1);
  if (start === undefined) return undefined;
  return readArgument(text, start.index + start[0].length)?.content;
}

interface Argument {
  readonly content: string;
  /** Where the text goes on. */
  readonly end: number;
}

/** A macro's argument: what stands in braces, or the next macro or character. */
function readArgument(text: string, from: number): Argument | undefined {
  let at = from;
  while (text[at] === " ") at++;
  if (text[at] !== "{") {
    const single = /^(?:\\[a-zA-Z]+|[^\\{}])/u.exec(text.slice(at))?.[0];
    return single === undefined ? undefined : { content: single, end: at + single.length };
  }
  let depth = 0;
  for (let end = at; end < text.length; end++) {
    if (text[end] === "\\") end++;
    else if (text[end] === "{") depth++;
    else if (text[end] === "}" && --depth === 0) return { content: text.slice(at + 1, end), end: end + 1 };
  }
  return undefined;
}

const word = (name: string): RegExp => new RegExp(`\\\\(?:${name})(?![a-zA-Z])`, "g");

/** In this order. */
const replacements: readonly (readonly [RegExp, string])[] = [
  // Rows of a matrix, before a backslash and a space is taken for a gap.
  [/\\\\/g, ";"],
  [/\\(?:begin|end)\s*\{[bpv]?matrix\}/g, "|"],
  // Thousands that say so.
  [/\{,\}|,\\!(?=\s*\d{3})/g, ""],
  [/−/g, "-"],
  [/\\[()[\]]/g, ""],
  [/,?\s*\\text\s*\{\s*(?:and|or)\s*\}/g, ","],
  [word("left|right|[bB]igg?[lr]?|displaystyle|textstyle|limits"), ""],
  [/\\[!,;: ]|~/g, " "],
  [word("q?quad"), " "],
  // A number's unit says nothing that the question did not.
  [
    /(?<=[\d})])\s*\\(?:text|textrm|mbox|mathrm|operatorname)\s*\{[^{}]*\}(?:\s*\^\s*(?:\{\d\}|\d))?\s*\.?$/,
    "",
  ],
  [/\\(?:text|textrm|textbf|textit|mbox|mathrm|mathbf|operatorname)\s*\{([^{}]*)\}/g, "$1"],
  [/\^\s*\{?\s*\\circ\s*\}?|\\degree(?![a-zA-Z])|°/g, ""],
  [/\\[$%]|[$%]/g, ""],
  [word("[dtc]frac"), "\\frac"],
  [word("cdot|times"), "*"],
  [word("div"), "/"],
  [word("leq?"), "<="],
  [word("geq?"), ">="],
  [word("neq?"), "!="],
  [word("pi"), "pi "],
  [word("infty"), "infinity"],
  [word("pm"), "±"],
  [word("in"), "∈"],
  [word("cup"), "∪"],
  [/\\\{/g, "⟦"],
  [/\\\}/g, "⟧"],
];

/** An answer in LaTeX as plain notation that is equal for the usual ways of writing the same thing. */
export function toPlainNotation(latex: string): string {
  let text = latex.trim();
  for (const [pattern, replacement] of replacements) text = text.replace(pattern, replacement);
  text = expandMacros(text).replaceAll("{", "(").replaceAll("}", ")").trim();
  return (
    text
      .replace(/^(\S*\d)\s+(?!pi\b)[a-zA-Z]{2,}(?:\s+[a-zA-Z]+)*\.?$/, "$1")
      .replace(/\s+/g, "")
      .replace(/[.,;]$/, "")
      // Thousands, not the members of a list; in brackets there are members.
      .replace(/^[^([⟦|]*$/, (plain) => plain.replace(/(\d),(?=\d{3}(?!\d))/g, "$1"))
      .replace(/(^|[^\d.])\.(\d)/g, "$10.$2")
      .replace(/^[a-zA-Z](?:_\w)?(?:\([a-zA-Z]\))?[=∈](?=[^=]+$)/, "")
      .replace(/([\^_])\((\w+)\)/g, "$1$2")
      .replace(/^\(([A-Z])\)$/, "$1")
  );
}

/** \frac and \sqrt as division and functions, however their arguments are written. */
function expandMacros(text: string): string {
  const macro = /\\(frac|sqrt)(?![a-zA-Z])\s*/.exec(text);
  if (macro === null) return text;
  const before = text.slice(0, macro.index);
  let at = macro.index + macro[0].length;
  const take = (): string | undefined => {
    const argument = readArgument(text, at);
    at = argument?.end ?? at;
    return argument && expandMacros(argument.content);
  };
  const degree = macro[1] === "sqrt" ? /^\[(\d+)\]/.exec(text.slice(at)) : null;
  at += degree?.[0].length ?? 0;
  const first = take();
  if (first === undefined) return text;
  if (macro[1] === "sqrt")
    return `${before}root(${degree?.[1] ?? 2},${first})${expandMacros(text.slice(at))}`;
  const second = take();
  if (second === undefined) return text;
  const fraction = `((${first})/(${second}))`;
  // 1\frac{1}{2} is one and a half.
  const isMixed = /(?:^|[^\d.^_])\d+\s*$/.test(before) && /^\d+$/.test(first) && /^\d+$/.test(second);
  const whole = isMixed ? before.replace(/(\d+)\s*$/, `($1+${fraction})`) : `${before}${fraction}`;
  return whole + expandMacros(text.slice(at));
}
