import { InferenceError } from "../../core/errors.ts";
import type { TokenId, TopTokens } from "../../core/tokens.ts";
import { biased } from "./probe-calls.ts";
import type { ProbeCalls } from "./probe-calls.ts";
import type { DrawCall } from "./dialect.ts";

/** Of the likeliest token, which top_p .95 and less, min_p .05 and more, and greedy drawing would draw always. */
const share = 0.96;
/** Draws without another token, by chance: .96^300 = 5e-6. */
const mostDraws = 300;
/** Side by side. */
const together = 8;
/** Tokens made equally likely, to see that top_k cuts none of them off. */
const mostEqual = 60;

/**
 * Tests whether a server draws from less than all of a law although it is told not to: whoever answers for it may fill
 * in, or drop, fields.
 * @param top at temperature 1 after the probe's prompt
 * @throws InferenceError `unsupported` where it does
 */
export async function refuseTruncation(calls: ProbeCalls, top: TopTokens): Promise<void> {
  const [likeliest, logprob] = [top.ids[0], top.logprobs[0]];
  if (likeliest === undefined || logprob === undefined) return;
  // Of a token that is all but sure, float32 does not tell how sure.
  if (logprob < -1e-6) {
    const odds = Math.log(share / (1 - share)) - (logprob - Math.log(-Math.expm1(logprob)));
    const sampling = biased([[likeliest, odds]]);
    if (!(await drawsBesides(calls, { sampling }, (seen) => seen.size > 1 || !seen.has(likeliest))))
      throw truncates(
        `it drew one token ${mostDraws} times where others have ${Math.round(100 * (1 - share))}%`,
      );
  }
  const equal = Math.min(mostEqual, top.ids.length);
  const needed = Math.ceil((2 * equal) / 3);
  const raised = Array.from(
    top.ids.slice(0, equal),
    (id, rank) => [id, top.logprobs[0]! - top.logprobs[rank]!] as const,
  ).filter(([, bias]) => bias <= 90);
  // Above all that is not among them, where such is far more.
  const lifted = raised.map(([id, bias]) => [id, bias + 8] as const);
  if (lifted.length < equal) return;
  if (!(await drawsBesides(calls, { sampling: biased(lifted) }, (seen) => seen.size >= needed)))
    throw truncates(`of ${equal} tokens that are as likely as each other it drew fewer than ${needed}`);
}

/** Draws until what was seen is enough. */
async function drawsBesides(
  calls: ProbeCalls,
  changes: Partial<DrawCall>,
  isEnough: (seen: ReadonlySet<TokenId>) => boolean,
): Promise<boolean> {
  const seen = new Set<TokenId>();
  for (let drawn = 0; drawn < mostDraws; drawn += together) {
    const tokens = await Promise.all(Array.from({ length: together }, () => calls.drawOne(changes)));
    for (const { token } of tokens) seen.add(token);
    if (isEnough(seen)) return true;
  }
  return false;
}

const truncates = (seen: string): InferenceError =>
  new InferenceError(
    "unsupported",
    `The server draws from the likeliest tokens alone although it is told not to: ${seen}. What stands in front of it must pass on temperature, top_k, top_p, min_p, seed and logit_bias; start it without sampling defaults (vLLM: --generation-config vllm).`,
  );
