/** The part of tokenizer.json that says where text is cut before it becomes tokens. */
export interface PreTokenizerJson {
  readonly type: string;
  readonly pretokenizers?: readonly PreTokenizerJson[];
  readonly individual_digits?: boolean;
  readonly use_regex?: boolean;
  readonly add_prefix_space?: boolean;
}

/** GPT-2's, as the original has it. */
const byteLevelPattern = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

const split = (pattern: string): object => ({
  type: "Split",
  pattern: { Regex: pattern },
  behavior: "Isolated",
  invert: false,
});

/**
 * Spells steps out as regular expressions, of which the package reads the classes as the original does. Its own Digits
 * takes only 0-9, where the original takes every numeric character of Unicode; its own ByteLevel takes for space what
 * JavaScript does, with U+FEFF and without U+0085.
 */
export function spellOut(step: PreTokenizerJson | null | undefined): object | null | undefined {
  if (step?.pretokenizers !== undefined) {
    return { ...step, pretokenizers: step.pretokenizers.map(spellOut) };
  }
  if (step?.type === "Digits") return split(step.individual_digits === true ? "\\p{N}" : "\\p{N}+");
  // A space that is put first would stand before every piece.
  if (step?.type === "ByteLevel" && step.use_regex !== false && step.add_prefix_space === false) {
    return { type: "Sequence", pretokenizers: [split(byteLevelPattern), { ...step, use_regex: false }] };
  }
  return step;
}
