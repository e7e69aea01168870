import { RE2JS } from "re2js";

/** A pattern that cannot be had, and why. */
export class PatternError extends Error {}

/**
 * A text takes time in proportion to its length and to the instructions that a pattern comes to: so many of both
 * together take some tens of milliseconds, which is as long as a server's thread may be held up.
 */
const maxSteps = 1_048_576;
const maxInstructions = 256;
const maxLength = 1000;

/**
 * Finds the first group of a pattern's first match, or the match where the pattern has no group; `undefined` where
 * nothing matches, or the group took no part. RE2's syntax, with Unicode: no lookarounds and no references back, which
 * could take any time. Of a text that would take too long the end is read, 4096 characters at least.
 * @throws PatternError saying what is wrong with it
 */
export function compilePattern(pattern: string): (text: string) => string | undefined {
  if (pattern.length > maxLength) throw new PatternError(`it has more than ${maxLength} characters`);
  const compiled = compile(pattern);
  const instructions = compiled.programSize();
  if (instructions > maxInstructions)
    throw new PatternError(`it comes to ${instructions} steps, and may to ${maxInstructions}: repeat less`);
  const group = Math.min(1, compiled.groupCount());
  const searched = Math.floor(maxSteps / instructions);
  return (text) => {
    const matcher = compiled.matcher(text.slice(-searched));
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
