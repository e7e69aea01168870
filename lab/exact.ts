import type { TokenIds } from "../src/core/tokens.ts";
import type { Completer } from "../src/decoder/completer.ts";
import { complete } from "./complete.ts";

export interface WeighedCompletion {
  readonly tokens: TokenIds;
  /** log p(x), nats. */
  readonly logprob: number;
  /** p(x)^α, normalised over all that were found. */
  readonly weight: number;
}

export interface ExactTarget {
  readonly alpha: number;
  readonly maxTokens: number;
  /**
   * Beginnings less likely than this are left out, nats. What they lead to has p^α of e^{(α−1)·minLogprob} at most, all
   * of it together.
   */
  readonly minLogprob: number;
}

/** p(x)^α over the completions of a prompt, by walking through every beginning that is likely enough to matter. */
export async function enumerateTarget(
  completer: Completer,
  prompt: TokenIds,
  { alpha, maxTokens, minLogprob }: ExactTarget,
): Promise<readonly WeighedCompletion[]> {
  const { endTokenIds, vocabularySize } = completer.model;
  // No more tokens than this can be that likely.
  const topCount = Math.min(vocabularySize, Math.ceil(Math.exp(-minLogprob)));
  const found: { tokens: TokenIds; logprob: number }[] = [];
  const visit = async (tokens: TokenIds, logprob: number): Promise<void> => {
    if (tokens.length === maxTokens || endTokenIds.includes(tokens.at(-1) ?? -1)) {
      found.push({ tokens, logprob });
      return;
    }
    const { ids, logprobs } = await nextTokens(completer, [...prompt, ...tokens], topCount);
    const likely = Array.from(ids, (id, rank) => ({ id, logprob: logprob + logprobs[rank]! })).filter(
      (next) => next.logprob >= minLogprob,
    );
    await Promise.all(likely.map((next) => visit([...tokens, next.id], next.logprob)));
  };
  await visit([], 0);
  const masses = found.map(({ logprob }) => Math.exp(alpha * logprob));
  const total = masses.reduce((sum, mass) => sum + mass, 0);
  return found.map((completion, index) => ({ ...completion, weight: masses[index]! / total }));
}

async function nextTokens(completer: Completer, prompt: TokenIds, topCount: number) {
  const settings = { sampler: "greedy" } as const;
  const { tokens } = await complete(completer, {
    prompt,
    settings,
    maxTokens: 1,
    seed: 0,
    choice: 0,
    topCount,
  });
  return tokens[0]!.top!;
}
