import { Stream } from "../stream.ts";
import { groupAdvantages, powerAdvantages } from "./advantage.ts";
import { summarizeCovariances } from "./covariance.ts";
import { resolveLoss } from "./methods.ts";
import type { Method } from "./methods.ts";
import type { Policy, Sequence } from "./policy.ts";
import { policyLoss } from "./policy-loss.ts";
import type { LossSettings, PolicyLoss, Tokens } from "./policy-loss.ts";
import type { Rollout } from "./rollout.ts";
import { mean, sum } from "./training-log.ts";
import type { UpdateSummary } from "./training-log.ts";

export interface LearnerSettings {
  readonly method: Method;
  readonly seed: number;
  /** Updates per step, each on a share of its responses. KL-Cov needs two: it does nothing on the first. */
  readonly minibatches: number;
  readonly learningRate: number;
  /**
   * Updates over which the learning rate rises to its height: fresh moments of Adam make the first ones the largest.
   */
  readonly warmupUpdates: number;
}

/** A response, and how likely its tokens are. */
interface Scored extends Sequence {
  /** Under the policy that drew them. */
  readonly logProbs: readonly number[];
  /** Under the base model, where the method asks for it. */
  readonly referenceLogProbs?: ArrayLike<number>;
  readonly reward: number;
}

/** A response as something to learn from. */
interface Lesson extends Scored {
  readonly advantage: number;
}

/** What one update did, over `size` tokens. */
type Outcome = PolicyLoss & { readonly gradientNorm: number; readonly size: number };

const streams = { order: 2, selection: 3 } as const;

/** Turns responses into updates of a policy. */
export class Learner {
  readonly #policy: Policy;
  readonly #reference: Policy | undefined;
  readonly #settings: LearnerSettings;
  readonly #order: Stream;
  readonly #selection: Stream;
  #loss: LossSettings | undefined;
  #updates = 0;

  /** @param policies `reference` is the base model, where the method needs it; neither is owned */
  constructor(
    policies: { readonly policy: Policy; readonly reference: Policy | undefined },
    settings: LearnerSettings,
  ) {
    this.#policy = policies.policy;
    this.#reference = policies.reference;
    this.#settings = settings;
    this.#order = new Stream(settings.seed, streams.order);
    this.#selection = new Stream(settings.seed, streams.selection);
  }

  /** Learns once from each response. @returns undefined when every advantage is zero */
  async learn(groups: readonly (readonly Rollout[])[]): Promise<UpdateSummary | undefined> {
    const { method, minibatches, learningRate, warmupUpdates } = this.#settings;
    const taught = (await this.#score(groups)).map((group) => toLessons(group, method)).filter(teaches);
    const lessons = shuffle(taught.flat(), this.#order);
    if (lessons.length === 0) return undefined;
    const old = tokensOf(lessons);
    this.#loss ??= resolveLoss(method, old);
    const outcomes: Outcome[] = [];
    for (const { items, from, to } of split(lessons, minibatches)) {
      const drawn = slice(old, from, to);
      // Until the first update the policy is the one that drew the tokens, to the last bit.
      const hasMoved = outcomes.length > 0;
      const tokens = hasMoved ? { ...drawn, logProbs: (await this.#policy.score(items)).logProbs } : drawn;
      const loss = policyLoss(tokens, this.#loss, this.#selection);
      const size = to - from;
      const bonus = -(this.#loss.entropyBonus ?? 0) / size;
      const gradients = { logProbs: loss.gradient, entropies: new Float64Array(size).fill(bonus) };
      const warmth = Math.min(1, ++this.#updates / warmupUpdates);
      const gradientNorm = await this.#policy.update(items, gradients, warmth * learningRate);
      outcomes.push({ ...loss, gradientNorm, size });
    }
    return {
      mixedGroups: taught.length,
      covariance: summarizeCovariances(old.logProbs, old.advantages),
      ...summarize(outcomes, this.#loss),
    };
  }

  /** The responses as the engine drew and scored them. */
  async #score(groups: readonly (readonly Rollout[])[]): Promise<readonly (readonly Scored[])[]> {
    const scored = groups.map((group) =>
      group.map(({ promptTokens, tokens, reward }) => ({
        prompt: promptTokens,
        response: tokens.map(({ token }) => token),
        logProbs: tokens.map(({ logprob }) => logprob),
        reward,
      })),
    );
    if (this.#reference === undefined) return scored;
    const { logProbs } = await this.#reference.score(scored.flat());
    let from = 0;
    return scored.map((group) =>
      group.map((lesson) => ({
        ...lesson,
        referenceLogProbs: logProbs.subarray(from, (from += lesson.response.length)),
      })),
    );
  }
}

function toLessons(group: readonly Scored[], { power }: Method): Lesson[] {
  const advantages =
    power === undefined
      ? groupAdvantages(group.map(({ reward }) => reward))
      : powerAdvantages(
          group.map(({ logProbs, referenceLogProbs }) => ({
            logProb: sum(logProbs),
            baseLogProb: sum(Array.from(referenceLogProbs!)),
          })),
          power.alpha,
        );
  return group.map((response, index) => ({ ...response, advantage: advantages[index]! }));
}

/** Whether there is anything to learn from a prompt's responses: not where all are right, or all wrong. */
const teaches = (group: readonly Lesson[]): boolean => group.some(({ advantage }) => advantage !== 0);

function tokensOf(lessons: readonly Lesson[]): Tokens {
  const logProbs = Float64Array.from(lessons.flatMap((lesson) => lesson.logProbs));
  const advantages = Float64Array.from(
    lessons.flatMap(({ response, advantage }) => response.map(() => advantage)),
  );
  const drawn = { logProbs, oldLogProbs: logProbs, advantages };
  if (lessons[0]?.referenceLogProbs === undefined) return drawn;
  const referenceLogProbs = lessons.flatMap(({ referenceLogProbs: values }) => Array.from(values!));
  return { ...drawn, referenceLogProbs: Float64Array.from(referenceLogProbs) };
}

function summarize(
  outcomes: readonly Outcome[],
  { clipCov }: LossSettings,
): Omit<UpdateSummary, "mixedGroups" | "covariance"> {
  const meanOf = (valueOf: (outcome: Outcome) => number): number => mean(outcomes.map(valueOf));
  const shareOfTokens = (countOf: (outcome: Outcome) => number): number =>
    sum(outcomes.map(countOf)) / sum(outcomes.map(({ size }) => size));
  return {
    minibatches: outcomes.length,
    loss: meanOf(({ value }) => value),
    gradientNorm: meanOf(({ gradientNorm }) => gradientNorm),
    kl: meanOf(({ kl }) => kl),
    clippedFraction: shareOfTokens(({ clippedRatios }) => clippedRatios),
    selectedFraction: shareOfTokens(({ selected }) => selected),
    ...(clipCov && {
      clipCov: {
        low: clipCov.low,
        high: clipCov.high,
        candidates: meanOf(({ candidates }) => candidates),
        emptyMinibatches: outcomes.filter(({ candidates }) => candidates === 0).length,
      },
    }),
  };
}

function slice(tokens: Tokens, from: number, to: number): Tokens {
  const { logProbs, oldLogProbs, advantages, referenceLogProbs } = tokens;
  return {
    logProbs: logProbs.subarray(from, to),
    oldLogProbs: oldLogProbs.subarray(from, to),
    advantages: advantages.subarray(from, to),
    ...(referenceLogProbs && { referenceLogProbs: referenceLogProbs.subarray(from, to) }),
  };
}

/**
 * Lessons in at most `count` parts of nearly equal size; `from` and `to` count tokens. No part is one response alone,
 * whose advantage is constant and whose covariances are therefore zero.
 */
function* split(
  lessons: readonly Lesson[],
  count: number,
): Generator<{ readonly items: readonly Lesson[]; readonly from: number; readonly to: number }> {
  const parts = Math.min(count, Math.floor(lessons.length / 2));
  let from = 0;
  for (let part = 0; part < parts; part++) {
    const bound = (index: number): number => Math.floor((index * lessons.length) / parts);
    const items = lessons.slice(bound(part), bound(part + 1));
    const to = from + sum(items.map(({ response }) => response.length));
    yield { items, from, to };
    from = to;
  }
}

/** Fisher-Yates. */
function shuffle<Item>(items: readonly Item[], stream: Stream): Item[] {
  const shuffled = [...items];
  for (let i = shuffled.length - 1; i > 0; i--) {
    const j = stream.integer(0, i);
    [shuffled[i], shuffled[j]] = [shuffled[j]!, shuffled[i]!];
  }
  return shuffled;
}
