import { z } from "zod";
import { described } from "../../samplers/described.ts";

const entry = z.object({
  id: described(
    z.string(),
    "What `model` takes: the model, or the model with a sampler's suffix.",
    "abacus:power",
  ),
  object: described(z.literal("model"), "The kind of object.", "model"),
  created: described(z.number().int(), "When the server started. Unix time, seconds.", 1_764_000_000),
  owned_by: described(z.string(), "Who serves it.", "metropolis"),
  root: described(z.string(), "The model without a sampler suffix.", "abacus"),
  parent: described(z.string().nullable(), "The model that a suffixed name stands for.", "abacus"),
  max_model_len: described(z.number().int(), "Prompt and completion together, tokens.", 256),
  eos_token_ids: described(z.array(z.number().int()), "Tokens that end a completion.", [16]),
  example_prompt: described(z.string().nullable(), "A prompt that shows the model at work.", "7-2*3+4="),
});

export const modelEntry = entry.meta({ id: "Model" });

export const modelList = z
  .object({
    object: described(z.literal("list"), "The kind of object.", "list"),
    data: described(z.array(modelEntry), "One entry for each name.", []),
  })
  .meta({ id: "ModelList" });
