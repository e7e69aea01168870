import { LocalPromptEncoder } from "../../src/decoder/prompts/local-prompt-encoder.ts";
import { Tokenizer } from "../../src/decoder/tokenizer.ts";

/** A special token as tokenizer.json lists it. */
export const addedToken = (id: number, content: string) => ({
  id,
  content,
  single_word: false,
  lstrip: false,
  rstrip: false,
  normalized: false,
  special: true,
});

/** tokenizer.json of a byte-level tokenizer whose token ids are the bytes themselves. */
export function byteTokenizerJson() {
  const printable = (byte: number): boolean =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || (byte >= 0xae && byte <= 0xff);
  let next = 256;
  const vocab = Object.fromEntries(
    Array.from({ length: 256 }, (_, byte) => [String.fromCodePoint(printable(byte) ? byte : next++), byte]),
  );
  const byteLevel = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true };
  return {
    version: "1.0",
    added_tokens: [],
    normalizer: null,
    pre_tokenizer: byteLevel,
    post_processor: null,
    decoder: byteLevel,
    model: { type: "BPE", vocab, merges: [], unk_token: null, byte_fallback: false },
  };
}

/** Without a chat template. */
export const bytePrompts = (): LocalPromptEncoder =>
  new LocalPromptEncoder(() => Promise.resolve(byteTokenizerJson()), undefined);

export const byteTokenizer = (): Tokenizer => new Tokenizer(byteTokenizerJson(), {});
