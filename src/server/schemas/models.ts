import { z } from "zod";

export const modelEntry = z
  .object({
    id: z.string(),
    object: z.literal("model"),
    created: z.number().int(),
    owned_by: z.string(),
    root: z.string().meta({ description: "The model without a sampler suffix." }),
    parent: z.string().nullable(),
    max_model_len: z.number().int().meta({ description: "Prompt and completion together, tokens." }),
    eos_token_ids: z.array(z.number().int()),
    example_prompt: z.string().nullable(),
  })
  .meta({ id: "Model" });

export const modelList = z
  .object({ object: z.literal("list"), data: z.array(modelEntry) })
  .meta({ id: "ModelList" });
