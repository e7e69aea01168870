/** The part of tokenizer.json that says how tokens become text. */
export interface DecoderJson {
  readonly type: string;
  readonly decoders?: readonly DecoderJson[];
  /** Replace. */
  readonly pattern?: { readonly String?: string; readonly Regex?: string };
  /** Replace, Strip. */
  readonly content?: string;
  /** Strip: how many at the start. */
  readonly start?: number;
  /** Metaspace. */
  readonly replacement?: string;
  readonly prepend_scheme?: string;
  readonly add_prefix_space?: boolean;
}

/** What falls away where a text begins: the space that encoding put before its first word. */
export interface Leading {
  readonly content: string;
  /** At most so many. */
  readonly count: number;
  /** Whether the first token alone loses them. */
  readonly isOfFirstToken: boolean;
}

/** How the entries of a vocabulary spell their bytes, and the text that they begin. */
export interface Spelling {
  bytesOf(token: string): Uint8Array;
  readonly leading: Leading | undefined;
}

/**
 * GPT-2's byte alphabet: printable Latin-1 characters stand for themselves, the other bytes for code points from
 * 256 on, in order.
 */
function byteAlphabet(): ReadonlyMap<string, number> {
  const isPrintable = (byte: number): boolean =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || (byte >= 0xae && byte <= 0xff);
  const alphabet = new Map<string, number>();
  let next = 256;
  for (let byte = 0; byte < 256; byte++) {
    alphabet.set(String.fromCodePoint(isPrintable(byte) ? byte : next++), byte);
  }
  return alphabet;
}

const encoder = new TextEncoder();
const fallbackByte = /^<0x([0-9A-Fa-f]{2})>$/;

/** The steps of a decoder in order, sequences laid flat. */
const stepsOf = (decoder: DecoderJson | null | undefined): readonly DecoderJson[] =>
  decoder === null || decoder === undefined
    ? []
    : decoder.decoders === undefined
      ? [decoder]
      : decoder.decoders.flatMap(stepsOf);

export const hasStep = (decoder: DecoderJson | null | undefined, type: string): boolean =>
  stepsOf(decoder).some((step) => step.type === type);

/** How many characters a decoder may make of one at most. */
const mostGrowth = 16;

/**
 * Tokens become text in the thread that serves HTTP, which is to wait for none of them: what a decoder makes of a token
 * must not grow without bound, nor be found by a pattern that may take for ever.
 * @throws Error naming what the decoder may not do
 */
function checkReplacements(steps: readonly DecoderJson[]): void {
  let growth = 1;
  for (const { type, pattern, content = "" } of steps) {
    if (type !== "Replace") continue;
    if (pattern?.String === undefined || pattern.String === "")
      throw new Error("decoder: Replace takes a pattern of one or more characters as String, no Regex");
    growth *= Math.max(1, content.length / pattern.String.length);
  }
  if (growth > mostGrowth)
    throw new Error(`decoder: Replace makes more than ${mostGrowth} characters of one`);
}

/**
 * Reads a decoder as the Rust library does: token by token up to Fuse, the text as a whole behind it.
 * @throws Error when it replaces by a regular expression, or one character by many
 */
export function spellingOf(decoder: DecoderJson | null | undefined, hasByteTokens: boolean): Spelling {
  const steps = stepsOf(decoder);
  checkReplacements(steps);
  if (hasStep(decoder, "ByteLevel")) return { bytesOf: byteLevel(), leading: undefined };
  const fuse = steps.findIndex(({ type }) => type === "Fuse");
  const edits = steps.flatMap((step, index) => editOf(step, fuse < 0 || index < fuse) ?? []);
  const readsBytes = hasByteTokens || hasStep(decoder, "ByteFallback");
  return {
    bytesOf: (token) => {
      const byte = readsBytes ? fallbackByte.exec(token) : null;
      if (byte !== null) return Uint8Array.of(parseInt(byte[1]!, 16));
      return encoder.encode(edits.reduce((text, edit) => edit(text), token));
    },
    leading: steps.map((step, index) => leadingOf(step, fuse >= 0 && index > fuse)).find(Boolean),
  };
}

/** A token with a character outside the alphabet stands for itself. */
function byteLevel(): (token: string) => Uint8Array {
  const alphabet = byteAlphabet();
  return (token) => {
    const bytes = Array.from(token, (character) => alphabet.get(character));
    return bytes.every((byte) => byte !== undefined) ? Uint8Array.from(bytes) : encoder.encode(token);
  };
}

/** What a step makes of each token alone. */
function editOf(step: DecoderJson, isBeforeFuse: boolean): ((token: string) => string) | undefined {
  const { type, content = "", pattern, replacement = "▁" } = step;
  switch (type) {
    case "Metaspace":
      return (token) => token.replaceAll(replacement, " ");
    case "Replace": {
      const found = pattern!.String!;
      return (token) => token.replaceAll(found, () => content);
    }
    case "Strip":
      return isBeforeFuse ? (token) => token.slice(countLeading(token, leadingRun(step))) : undefined;
    default:
      return undefined;
  }
}

function leadingOf(step: DecoderJson, isBehindFuse: boolean): Leading | undefined {
  const { type, prepend_scheme: scheme, add_prefix_space: addsSpace = true } = step;
  if (type === "Strip" && isBehindFuse) return { ...leadingRun(step), isOfFirstToken: false };
  const prepends = scheme === undefined ? addsSpace : scheme !== "never";
  return type === "Metaspace" && prepends
    ? { content: " ", count: Infinity, isOfFirstToken: true }
    : undefined;
}

const leadingRun = ({ content = " ", start = 0 }: DecoderJson) => ({ content, count: start });

/** Characters of `content` that a text begins with, `count` at most. */
export function countLeading(text: string, { content, count }: Pick<Leading, "content" | "count">): number {
  let length = 0;
  while (length < count && text.startsWith(content, length)) length += content.length;
  return length;
}
