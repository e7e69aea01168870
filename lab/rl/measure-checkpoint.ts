import type { Engine } from "../../src/engine/engine.ts";
import type { Task } from "../task.ts";
import { rollOut } from "./rollout.ts";
import type { Rollout } from "./rollout.ts";
import { mean, measurePolicy, sum } from "./training-log.ts";
import type { PolicyMeasures } from "./training-log.ts";

/** A checkpoint on held-out prompts: what it answers, how sure it is, and what its base model thinks of that. */
export interface CheckpointRow extends Pick<PolicyMeasures, "passAt" | "H" | "tokenMeanH" | "routes" | "n"> {
  /** Of pass@1, over prompts. */
  readonly standardError: number;
  /** Different texts among the samples of a prompt. */
  readonly distinct: number;
  /** Mean of log p_base of whole responses, and of its mean per token; nats. */
  readonly baseLogProb: number;
  readonly baseLogProbPerToken: number;
}

const branch = 2;

export async function measureCheckpoint(
  { engine, base, task }: { readonly engine: Engine; readonly base: Engine; readonly task: Task },
  { prompts, samples, seed }: { readonly prompts: number; readonly samples: number; readonly seed: number },
): Promise<CheckpointRow> {
  const groups = await rollOut({ engine, task }, task.testPrompts(prompts), samples, {
    seed,
    stage: 0,
    branch,
  });
  const { passAt, H, tokenMeanH, routes, n } = measurePolicy(task, groups, groups);
  const shares = groups.map((group) => mean(group.map(({ reward }) => reward)));
  const likelihoods = await Promise.all(groups.map((group) => scoreUnderBase(base, group)));
  const variance = mean(shares.map((share) => (share - passAt["1"]!) ** 2));
  return {
    passAt,
    standardError: Math.sqrt(variance / prompts),
    H,
    tokenMeanH,
    routes,
    n,
    distinct: mean(groups.map((group) => new Set(group.map(({ text }) => text)).size)),
    baseLogProb: mean(likelihoods.flat().map(({ logProb }) => logProb)),
    baseLogProbPerToken: mean(likelihoods.flat().map(({ logProb, tokens }) => logProb / tokens)),
  };
}

/** log p_base of each response to one prompt; equal ones are scored once. */
async function scoreUnderBase(
  base: Engine,
  group: readonly Rollout[],
): Promise<{ logProb: number; tokens: number }[]> {
  const known = new Map<string, Promise<number>>();
  const score = async ({ promptTokens, tokens }: Rollout): Promise<number> => {
    const all = [...promptTokens, ...tokens.map(({ token }) => token)];
    const scores = await base.score(all, { topCount: 0 }, new AbortController().signal);
    return sum(scores.slice(promptTokens.length - 1).map(({ logprob }) => logprob));
  };
  return Promise.all(
    group.map(async (rollout) => {
      const logProb = known.get(rollout.text) ?? score(rollout);
      known.set(rollout.text, logProb);
      return { logProb: await logProb, tokens: rollout.tokens.length };
    }),
  );
}
