import { z } from "zod";
import { reproducibilities } from "../../decoder/completer.ts";
import { described } from "../../samplers/described.ts";
import { samplerNames } from "../../samplers/registry.ts";
import { exampleSum } from "./example-sum.ts";

const defaults = described(
  z.object({
    sampler: described(z.enum(samplerNames), "The sampler of a request that names none.", "standard"),
    max_tokens: described(
      z.number().int(),
      "Most tokens of a completion that says none. A chat runs on where the model says none: to the end of the context.",
      48,
    ),
    alpha: described(z.number(), "Exponent of the target p(x)^alpha.", 4),
    mcmc_steps: described(
      z.number().int().nullable(),
      "Steps per block that the model brings; null where it brings none, and the sampler's own hold.",
      10,
    ),
    block_size: described(z.number().int().nullable(), "Tokens of a block, likewise.", 3),
  }),
  "What a request that leaves these fields out comes to.",
  { sampler: "standard", max_tokens: 48, alpha: 4, mcmc_steps: 10, block_size: 3 },
);

const entry = z.object({
  id: described(
    z.string(),
    "What `model` takes: the model, or the model with a sampler's or a preset's suffix.",
    "abacus:power",
  ),
  object: described(z.literal("model"), "The kind of object.", "model"),
  created: described(z.number().int(), "When the server started. Unix time, seconds.", 1_764_000_000),
  owned_by: described(z.string(), "Who serves it.", "metropolis"),
  root: described(z.string(), "The model without a suffix.", "abacus"),
  parent: described(z.string().nullable(), "The model that a suffixed name stands for.", "abacus"),
  max_model_len: described(z.number().int(), "Prompt and completion together, tokens.", 256),
  reproducibility: described(
    z.enum(reproducibilities),
    "How far log-probs of the same tokens may differ with what else runs and what is cached. `bitwise`: not at all (`serve --deterministic`). `rounding`: by the order in which floats are summed, so that a seed repeats its completion but where a draw falls between two tokens. `approximate`: by tenths of a nat, where activations are rounded to 8 bits.",
    "rounding",
  ),
  eos_token_ids: described(z.array(z.number().int()), "Tokens that end a completion.", [16]),
  description: described(
    z.string().nullable(),
    "What the model is, in the words of its own files; null where they have none.",
    "A toy of 0.34 M parameters that was taught sums.",
  ),
  example_prompts: described(
    z.array(z.string()),
    "Prompts that show the model at work, the most telling first.",
    [exampleSum],
  ),
  takes_chats: described(
    z.boolean(),
    "Whether conversations can be answered: the model, or the server for it, has a chat template.",
    true,
  ),
  defaults,
  preset: described(
    z.record(z.string(), z.unknown()).nullable(),
    "The fields that a preset's name stands for; null for other names.",
    null,
    { sampler: "standard", best_of: 8, select: "vote", select_answer: "last_number" },
  ),
});

export const modelEntry = entry.meta({ id: "Model" });

export const modelList = z
  .object({
    object: described(z.literal("list"), "The kind of object.", "list"),
    data: described(z.array(modelEntry), "One entry for each name.", []),
  })
  .meta({ id: "ModelList" });
