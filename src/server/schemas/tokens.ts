import { z } from "zod";
import { tokenId } from "./fields.ts";

export const tokenizeRequest = z
  .strictObject({
    model: z
      .string()
      .nullish()
      .meta({ description: "The model's id.", examples: ["abacus"] }),
    prompt: z
      .string()
      .nullish()
      .meta({ description: "Text to tokenise.", examples: ["7-2*3+4="] }),
    content: z
      .string()
      .nullish()
      .meta({ description: "The same under llama.cpp's name.", examples: ["7-2*3+4="] }),
    add_special_tokens: z
      .boolean()
      .nullish()
      .meta({ description: "Add what the tokenizer puts around a prompt. Default: true.", examples: [true] }),
    return_token_strs: z
      .boolean()
      .nullish()
      .meta({ description: "Add the tokens as strings.", examples: [false] }),
  })
  .meta({ id: "TokenizeRequest" });

export const tokenizeResponse = z
  .object({
    count: z.number().int(),
    max_model_len: z.number().int(),
    tokens: z.array(tokenId),
    token_strs: z.array(z.string()).nullable(),
  })
  .meta({ id: "TokenizeResponse" });

export const detokenizeRequest = z
  .strictObject({
    model: z
      .string()
      .nullish()
      .meta({ description: "The model's id.", examples: ["abacus"] }),
    tokens: z.array(tokenId).meta({ description: "Token ids.", examples: [[7, 11, 2]] }),
  })
  .meta({ id: "DetokenizeRequest" });

export const detokenizeResponse = z
  .object({
    prompt: z.string(),
    content: z.string().meta({ description: "The same under llama.cpp's name." }),
  })
  .meta({ id: "DetokenizeResponse" });
