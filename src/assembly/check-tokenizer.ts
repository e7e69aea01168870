import { InferenceError } from "../core/errors.ts";
import type { TokenIds } from "../core/tokens.ts";
import type { PromptEncoder } from "../decoder/prompts/prompt-encoder.ts";
import type { Tokenizer } from "../decoder/tokenizer.ts";
import type { FoundServer } from "../engine/remote/open-remote.ts";
import { RemoteError } from "../engine/remote/remote-error.ts";

export interface OwnTokenizer {
  readonly folder: string;
  readonly tokenizer: Tokenizer;
  readonly prompts: PromptEncoder;
  readonly vocabularySize: number;
}

/** Where tokenizers differ: letters and apostrophes, digits, white space, scripts, and what normalization changes. */
const usualTexts = [
  "The quick brown fox doesn't jump over John's 2 lazy dogs; THEY'LL wait.",
  "0123456789",
  "3.14159 + 1,000,000 = 1e6, 007 and ½",
  "  two  spaces\n\n\ttab, \r\nlines \n ",
  "naïve Ünïcödé: Ελληνικά, русский, עברית, العربية, हिन्दी, 日本語, 한국어, ไทย",
  "👩‍👩‍👧 🇫🇷 🙂 e\u0301 ﬁ \u00a0 Å",
  'def f(x):\n    return {"a": [x ** 2]}  # <b>&amp;</b>\n',
] as const;

/** Of the vocabulary's own text, tokens. */
const mostNamed = 64;

/**
 * Tests whether a server's tokens are the folder's: by texts in which tokenizers differ, by special tokens, and by the
 * text of tokens from all over the vocabulary.
 * @returns what an operator should know where the server cannot be asked
 * @throws InferenceError `invalid_request` naming a text of which it makes other tokens
 */
export async function checkTokenizer(
  server: FoundServer,
  own: OwnTokenizer,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { prompts } = own;
  for (const text of textsFor(own)) {
    const ours = await prompts
      .encode([{ text, addSpecialTokens: false }], { param: "text", signal })
      .then(([ids]) => ids)
      .catch(unencodable);
    if (ours === undefined) continue;
    const theirs = await tokenize(server, text, signal);
    if (theirs === undefined)
      return "it turns no text into tokens: that its tokenizer is --model's is not known";
    if (ours.join() !== theirs.join())
      throw differs(text, { ours, theirs }, { folder: own.folder, model: server.description.model });
  }
  return undefined;
}

function textsFor({ tokenizer, vocabularySize }: OwnTokenizer): string[] {
  const ids = Array.from({ length: vocabularySize }, (_, id) => id);
  const special = ids.filter((id) => tokenizer.isSpecial(id));
  const ordinary = ids.filter((id) => !tokenizer.isSpecial(id));
  const textOf = (tokens: TokenIds): string =>
    spread(tokens, mostNamed)
      .map((id) => tokenizer.textOf(id))
      // Parts of characters are no text.
      .filter((text) => !text.includes("\ufffd"))
      .join("");
  return [...usualTexts, textOf(special), textOf(ordinary)].filter((text) => text !== "");
}

/** So many of a list, at even distances, its ends among them. */
const spread = (ids: TokenIds, most: number): TokenIds =>
  ids.length <= most
    ? ids
    : Array.from({ length: most }, (_, index) => ids[Math.round((index * (ids.length - 1)) / (most - 1))]!);

/** A vocabulary without such characters has nothing to compare. */
function unencodable(error: unknown): undefined {
  if (error instanceof InferenceError && error.code === "invalid_request") return undefined;
  throw error;
}

/** @returns `undefined` where the server does not offer it */
async function tokenize(
  { dialect, server, description: { model } }: FoundServer,
  text: string,
  signal: AbortSignal,
): Promise<TokenIds | undefined> {
  try {
    return await dialect.tokenize(server, { model, text }, signal);
  } catch (error) {
    if (error instanceof RemoteError && [404, 405, 501].includes(error.status ?? 0)) return undefined;
    throw error;
  }
}

function differs(
  text: string,
  { ours, theirs }: { readonly ours: TokenIds; readonly theirs: TokenIds },
  { folder, model }: { readonly folder: string; readonly model: string },
): InferenceError {
  const first = ours.findIndex((id, index) => id !== theirs[index]);
  const at = first < 0 ? ours.length : first;
  const near = (ids: TokenIds): string => `[${[...ids.slice(at, at + 5), "…"].join(", ")}]`;
  return new InferenceError(
    "invalid_request",
    `The server's tokenizer is not the one of ${folder}: of ${JSON.stringify(text)} it makes other tokens, from token ${at} on ${near(theirs)} instead of ${near(ours)}. Set --model to the folder or the id of the very model that the server runs, '${model}' to it.`,
    { param: "model" },
  );
}
