import { RE2JS } from "re2js";

/** A pattern that cannot be had, and why. */
export class PatternError extends Error {}

/** Instructions that a pattern may come to: a text takes time in proportion to these and its length. */
const maxInstructions = 2000;
const maxLength = 1000;

/**
 * Finds the first group of a pattern's first match, or the match where the pattern has no group; `undefined` where
 * nothing matches, or the group took no part. RE2's syntax, with Unicode: no lookarounds and no references back, for
 * which no text takes longer than in proportion to its length.
 * @throws PatternError saying what is wrong with it
 */
export function compilePattern(pattern: string): (text: string) => string | undefined {
  if (pattern.length > maxLength) throw new PatternError(`it has more than ${maxLength} characters`);
  const compiled = compile(pattern);
  if (compiled.programSize() > maxInstructions)
    throw new PatternError("it repeats too much, one repetition within another");
  const group = Math.min(1, compiled.groupCount());
  return (text) => {
    const matcher = compiled.matcher(text);
    return matcher.find() ? (matcher.group(group) ?? undefined) : undefined;
  };
}

function compile(pattern: string): RE2JS {
  try {
    return RE2JS.compile(pattern);
  } catch (error) {
    throw new PatternError(error instanceof Error ? error.message : String(error));
  }
}
