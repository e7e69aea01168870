import { z } from "zod";
import { count, described } from "../../samplers/described.ts";
import { chatFinishReason, chatId, chatLogprobs } from "./chat.ts";
import { answerFields, choiceFields, completionChoice, completionId, usage } from "./completions.ts";
import { exampleFirstStep } from "./example-sum.ts";
import { callDelta } from "./tools.ts";

/** How far a chain has come; a chunk that has it has no choices. */
export const progress = z
  .object({
    index: count("Which choice's chain.", 0),
    block: count("Of `blocks`, counted from 1.", 3),
    blocks: count("Blocks that the chain may come to.", 16),
    step: count("Of `steps` in this block; 0 while it is drafted.", 4),
    steps: count("Steps in each block.", 10),
    moved: count(
      "Of all steps so far, those whose proposal was another completion and became the current one.",
      2,
    ),
    unchanged: count("Those whose proposal was the current completion again.", 45),
    rejected: count("Those whose proposal was turned down when it was complete.", 2),
    rejected_early: count("Those whose proposal was turned down before.", 1),
    acceptance: described(
      z.number(),
      "(moved + unchanged) / all steps so far: the acceptance rate of Metropolis-Hastings; 0 before the first. No sign of mixing.",
      0.94,
    ),
    drafted_tokens: count(
      "While particles draft the block: tokens of the longest completion that they have begun.",
      120,
    ).optional(),
    horizon: count("Most tokens that it may have, beside drafted_tokens.", 300).optional(),
  })
  .meta({ id: "ChainProgress", description: "With stream_options.include_progress." });

const chunkFields = {
  ...answerFields,
  progress: progress.optional().meta({ examples: [{ index: 0, block: 3, blocks: 16 }] }),
  usage: described(
    usage.nullish(),
    "In the last chunk, with stream_options.include_usage, and null in the others; with continuous_usage_stats in every one, as it is so far.",
    null,
  ),
};

export const completionChunk = z
  .object({
    id: completionId,
    ...chunkFields,
    object: described(z.literal("text_completion"), "The kind of object.", "text_completion"),
    choices: described(z.array(completionChoice), "At most one, with what is new of it.", []),
  })
  .meta({ id: "CompletionChunk", description: "An event of a streamed completion; the last one is [DONE]." });

const delta = z.object({
  role: described(
    z.literal("assistant").optional(),
    "In a choice's first chunk; those of all choices come first, in order.",
    "assistant",
  ),
  content: described(z.string().optional(), "What is new of the answer.", exampleFirstStep),
  tool_calls: described(z.array(callDelta).optional(), "What is new of its calls.", []),
});

const chatChunkChoice = z.object({
  ...choiceFields,
  logprobs: described(chatLogprobs.nullable(), "When asked for.", null),
  delta: described(delta, "What is new of the message.", { content: exampleFirstStep }),
  finish_reason: described(chatFinishReason.nullable(), "In a choice's last chunk.", null),
});

export const chatChunk = z
  .object({
    id: chatId,
    ...chunkFields,
    object: described(z.literal("chat.completion.chunk"), "The kind of object.", "chat.completion.chunk"),
    choices: described(z.array(chatChunkChoice), "At most one, with what is new of it.", []),
  })
  .meta({ id: "ChatChunk", description: "An event of a streamed answer; the last one is [DONE]." });

export type CompletionChunk = z.output<typeof completionChunk>;
export type ChatChunk = z.output<typeof chatChunk>;
export type ChunkProgress = z.output<typeof progress>;
export type ChatChunkChoice = z.output<typeof chatChunkChoice>;
