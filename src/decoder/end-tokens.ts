import { z } from "zod";
import type { TokenId } from "../core/tokens.ts";
import type { TokenizerJson } from "./token-bytes.ts";
import { tokenNames } from "./vocabulary.ts";

const tokenIds = z.union([z.number().int(), z.array(z.number().int())], {
  error: "eos_token_id must be a token id, a list of token ids, or null",
});

/** eos_token_id as configurations have it. */
export const endIds = tokenIds.nullish();

/** eos_token as tokenizer_config.json and special_tokens_map.json have it. */
export const namedEnd = z
  .union([z.string(), z.looseObject({ content: z.string() })], {
    error: "eos_token must be a token's text, an object with its content, or null",
  })
  .nullish();

type EndIds = z.output<typeof endIds>;

interface NamesEnd {
  readonly eos_token_id?: EndIds;
}

/** What a model's files say of its end. */
export interface EndFiles {
  readonly config: NamesEnd & { readonly text_config?: NamesEnd | null | undefined };
  /** `undefined` without a generation_config.json. */
  readonly generation: NamesEnd | undefined;
  /** eos_token of tokenizer_config.json, else of special_tokens_map.json. */
  readonly named: z.output<typeof namedEnd>;
  readonly tokenizer: TokenizerJson;
}

/** Tokens that end a completion, and what an operator should know of them. */
export interface EndTokens {
  readonly ids: readonly TokenId[];
  readonly notes: readonly string[];
}

/**
 * Where vLLM would stop: at the tokenizer's own eos_token and at the eos_token_id of generation_config.json, in whose
 * place config.json's stands where there is no such file (`SamplingParams.update_from_generation_config`, vLLM 0.33).
 * config.json's also counts where these name none: vLLM would then never stop.
 */
export function endTokensOf({ config, generation, named, tokenizer }: EndFiles): EndTokens {
  const configured = toList(config.eos_token_id ?? config.text_config?.eos_token_id);
  const generated = generation === undefined ? configured : toList(generation.eos_token_id);
  const name = typeof named === "string" ? named : named?.content;
  const own = name === undefined ? undefined : idOf(name, tokenizer);
  const ids = [...(own === undefined ? [] : [own]), ...generated];
  const notes =
    name === undefined || own !== undefined
      ? []
      : [
          `warning: tokenizer_config.json: eos_token ${JSON.stringify(name)} is not a token of tokenizer.json`,
        ];
  return { ids: [...new Set(ids.length === 0 ? configured : ids)], notes };
}

const toList = (ids: EndIds): readonly TokenId[] =>
  ids === null || ids === undefined ? [] : typeof ids === "number" ? [ids] : ids;

function idOf(name: string, { added_tokens: added = [], model }: TokenizerJson): TokenId | undefined {
  const id = added.find(({ content }) => content === name)?.id ?? tokenNames(model).indexOf(name);
  return id < 0 ? undefined : id;
}

/** Leaves out ids that no token has. */
export function withinVocabulary({ ids, notes }: EndTokens, vocabularySize: number): EndTokens {
  const isToken = (id: TokenId): boolean => id >= 0 && id < vocabularySize;
  const outside = ids.filter((id) => !isToken(id));
  const within = ids.filter(isToken);
  return {
    ids: within,
    notes: [
      ...notes,
      ...(outside.length === 0
        ? []
        : [
            `warning: eos_token_id ${outside.join(", ")} is outside the vocabulary (0..${vocabularySize - 1})`,
          ]),
      ...(within.length > 0
        ? []
        : [
            "warning: the model names no end token, so completions run to max_tokens or a stop string; " +
              "name it as eos_token_id in generation_config.json",
          ]),
    ],
  };
}
