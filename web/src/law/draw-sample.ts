import type { CompleteRequest, MetropolisClient } from "../../../src/client/client.ts";
import type { Sample } from "./sample.ts";

/** Answers asked for at once, and tokens that these may come to, so that what has come is shown. */
const mostAtOnce = 32;
const mostTokensAtOnce = 16_384;

/** The likeliest tokens that are asked for in each place: more than small vocabularies have. */
const likeliest = 20;

export interface SampleOptions {
  readonly size: number;
  /** Most tokens of an answer. */
  readonly maxTokens: number;
  readonly signal: AbortSignal;
  /** Called whenever more have come. */
  readonly onMore?: () => void;
}

/** Draws answers from the model itself, each with its probability. @throws ClientError */
export async function drawSample(
  client: MetropolisClient,
  common: CompleteRequest,
  sample: Sample,
  { size, maxTokens, signal, onMore }: SampleOptions,
): Promise<void> {
  const atOnce = Math.max(1, Math.min(mostAtOnce, Math.floor(mostTokensAtOnce / maxTokens)));
  for (let drawn = 0; drawn < size; drawn += atOnce) {
    const { choices } = await client.complete(
      {
        ...common,
        sampler: "standard",
        temperature: 1,
        n: Math.min(atOnce, size - drawn),
        seed: Number(common.seed ?? 0) + drawn,
        logprobs: likeliest,
      },
      { signal },
    );
    for (const choice of choices) sample.add(choice);
    onMore?.();
  }
}
