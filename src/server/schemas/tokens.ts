import { z } from "zod";
import { described } from "../../samplers/described.ts";
import { body } from "./body.ts";
import { exampleSum } from "./example-sum.ts";
import { tokenId } from "./fields.ts";
import { tokenIds } from "./lists.ts";

export const tokenizeRequest = body({
  model: described(z.string().nullish(), "The model's id.", "abacus"),
  prompt: described(z.string().nullish(), "Text to tokenise.", exampleSum),
  content: described(z.string().nullish(), "The same under llama.cpp's name.", exampleSum),
  add_special_tokens: described(
    z.boolean().nullish(),
    "Add what the tokenizer puts around a prompt. Default: true.",
    true,
  ),
  return_token_strs: described(z.boolean().nullish(), "Add the tokens as strings.", false),
}).meta({ id: "TokenizeRequest", examples: [{ prompt: exampleSum }] });

export const tokenizeResponse = z
  .object({
    count: described(z.number().int(), "Number of tokens.", 4),
    max_model_len: described(z.number().int(), "The model's context, tokens.", 256),
    tokens: described(z.array(tokenId), "Token ids.", [9, 12, 4, 13]),
    token_strs: described(z.array(z.string()).nullable(), "The tokens as strings, when asked for.", [
      "9",
      "*",
      "4",
      "=",
    ]),
  })
  .meta({ id: "TokenizeResponse" });

export const detokenizeRequest = body({
  model: described(z.string().nullish(), "The model's id.", "abacus"),
  tokens: described(tokenIds, "Token ids.", [9, 12, 4, 13]),
}).meta({ id: "DetokenizeRequest", examples: [{ tokens: [9, 12, 4, 13] }] });

export const detokenizeResponse = z
  .object({
    prompt: described(z.string(), "The text.", "9*4="),
    content: described(z.string(), "The same under llama.cpp's name.", "9*4="),
  })
  .meta({ id: "DetokenizeResponse" });
