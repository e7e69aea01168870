/** The content of the last \boxed{…} or \fbox{…}, braces balanced. */
export function lastBoxed(text: string): string | undefined {
  const starts = [...text.matchAll(/\\(?:boxed|fbox)\s*\{/g)];
  const start = starts.at(-1);
  if (start === undefined) return undefined;
  const from = start.index + start[0].length;
  let depth = 1;
  for (let at = from; at < text.length; at++) {
    const character = text[at];
    if (text[at - 1] === "\\") continue;
    if (character === "{") depth++;
    else if (character === "}" && --depth === 0) return text.slice(from, at);
  }
  return undefined;
}

const commands: readonly (readonly [RegExp, string])[] = [
  [/\\(?:left|right|displaystyle|textstyle|limits)(?![a-zA-Z])/g, ""],
  [/\\[,!;: ]|~|\\q?quad(?![a-zA-Z])/g, ""],
  [/\\(?:text|mathrm|textbf|mathbf|mbox|operatorname)\s*\{([^{}]*)\}/g, "$1"],
  [/\\[dt]frac/g, "\\frac"],
  [/\\(?:cdot|times)(?![a-zA-Z])/g, "*"],
  [/\\(?:le|leq)(?![a-zA-Z])/g, "<="],
  [/\\(?:ge|geq)(?![a-zA-Z])/g, ">="],
  [/\\pi(?![a-zA-Z])/g, "pi"],
  [/\\infty(?![a-zA-Z])/g, "infinity"],
  [/\^\s*\{?\\circ\}?|\\degree(?![a-zA-Z])/g, ""],
  [/\\[$%]|[$%]/g, ""],
  // \frac12, \frac1{72} and \sqrt3 mean what their braced forms mean.
  [/\\frac\s*(\w)\s*(\w)/g, "\\frac{$1}{$2}"],
  [/\\frac\s*(\w)\s*\{/g, "\\frac{$1}{"],
  [/\\frac\s*(\{[^{}]*\})\s*(\w)/g, "\\frac$1{$2}"],
  [/\\sqrt\s*(\w)/g, "\\sqrt{$1}"],
  [/\\frac\{([^{}]*)\}\{([^{}]*)\}/g, "($1)/($2)"],
];

/** A LaTeX answer in a form that is equal for the usual ways of writing the same thing. */
export function normalizeMathematics(latex: string): string {
  let text = latex.trim();
  for (const [pattern, replacement] of commands) text = text.replace(pattern, replacement);
  text = text
    .replace(/\s+/g, "")
    .replace(/[.,;]$/, "")
    // Thousands, not the members of a list.
    .replace(/(\d),(?=\d{3}(?!\d))/g, "$1")
    .replace(/\((-?[\w.]+)\)/g, (whole, inner: string, at: number, all: string) =>
      // Around a single term of a fraction brackets say nothing.
      all[at - 1] === "/" || all[at + whole.length] === "/" ? inner : whole,
    )
    .replace(/(^|[^\d.])\.(\d)/g, "$10.$2");
  const assigned = /^[a-zA-Z]=(.+)$/.exec(text);
  return assigned?.[1] ?? text;
}

/** Whether two answers are the same, as text or as numbers. */
export function isSameMathematics(left: string, right: string): boolean {
  const [a, b] = [normalizeMathematics(left), normalizeMathematics(right)];
  if (a === b) return true;
  const [x, y] = [valueOf(a), valueOf(b)];
  return (
    x !== undefined && y !== undefined && Math.abs(x - y) <= 1e-9 * Math.max(1, Math.abs(x), Math.abs(y))
  );
}

/** A number, or a fraction of numbers. */
function valueOf(text: string): number | undefined {
  const match = /^(-?)\(?(-?\d+(?:\.\d+)?)\)?(?:\/\(?(-?\d+(?:\.\d+)?)\)?)?$/.exec(text);
  if (match === null) return undefined;
  const [, sign, numerator, denominator = "1"] = match;
  const value = Number(numerator) / Number(denominator);
  return Number.isFinite(value) ? (sign === "-" ? -value : value) : undefined;
}
