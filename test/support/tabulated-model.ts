import type { TokenIds } from "../../src/core/tokens.ts";
import { createEmbedded } from "./embedded.ts";
import type { ToyModel } from "./toy-model.ts";
import { never } from "./toy-engine.ts";

/** The embedded model's next-token distributions after every continuation of a prompt, as an enumerable model. */
export async function tabulateEmbedded(prompt: TokenIds, horizon: number): Promise<ToyModel> {
  await using completer = await createEmbedded();
  const { vocabularySize, endTokenIds } = completer.model;
  const endToken = endTokenIds[0]!;
  const table = new Map<string, Float32Array>();
  const visit = async (prefix: TokenIds): Promise<void> => {
    if (prefix.length === prompt.length + horizon || prefix.at(-1) === endToken) return;
    const logits = new Float32Array(vocabularySize);
    const request = {
      prompt: prefix,
      settings: { sampler: "greedy" } as const,
      maxTokens: 1,
      stop: [],
      seed: 0,
      choice: 0,
      topCount: vocabularySize,
    };
    for await (const event of completer.complete(request, never)) {
      if (event.type !== "text") continue;
      for (const { top } of event.tokens)
        for (const [rank, id] of top!.ids.entries()) logits[id] = top!.logprobs[rank]!;
    }
    table.set(prefix.join(), logits);
    for (let token = 0; token < vocabularySize; token++) await visit([...prefix, token]);
  };
  await visit(prompt);
  return { vocabularySize, endToken, logits: (prefix) => table.get(prefix.join())! };
}
