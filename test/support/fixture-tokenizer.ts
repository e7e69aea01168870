import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { LocalPromptEncoder } from "../../src/decoder/prompts/local-prompt-encoder.ts";
import type { TokenizerJson } from "../../src/decoder/token-bytes.ts";
import { Tokenizer } from "../../src/decoder/tokenizer.ts";

const fixtures = fileURLToPath(new URL("../fixtures/tokenizers", import.meta.url));

export const tokenizerFile = (name: string, file: string): string => join(fixtures, name, file);

const read = (name: string, file: string): unknown =>
  JSON.parse(readFileSync(tokenizerFile(name, file), "utf8"));

/** One of the small tokenizers of the real families. */
export const fixtureTokenizer = (name: string): Tokenizer =>
  new Tokenizer(
    read(name, "tokenizer.json") as TokenizerJson,
    read(name, "tokenizer_config.json") as Record<string, unknown>,
  );

/** Its other direction, without a chat template. */
export const fixturePrompts = (name: string): LocalPromptEncoder =>
  new LocalPromptEncoder(() => Promise.resolve(read(name, "tokenizer.json") as TokenizerJson), undefined);
