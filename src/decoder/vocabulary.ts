import type { TokenId } from "../core/tokens.ts";

/** The part of tokenizer.json that lists tokens: names by id's order with their scores (Unigram), or ids by name. */
export interface VocabularyJson {
  readonly vocab?: readonly (readonly [name: string, score: number])[] | Readonly<Record<string, TokenId>>;
}

/** The model's own name of each token; added tokens beside. */
export function tokenNames({ vocab = {} }: VocabularyJson): readonly (string | undefined)[] {
  if (isList(vocab)) return vocab.map(([name]) => name);
  const names: (string | undefined)[] = [];
  for (const [name, id] of Object.entries(vocab)) names[id] = name;
  return names;
}

const isList = (
  vocab: NonNullable<VocabularyJson["vocab"]>,
): vocab is readonly (readonly [string, number])[] => Array.isArray(vocab);
