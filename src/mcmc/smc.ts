/**
 * Sequential Monte Carlo over completions. N particles grow side by side from q, token by token, each with its weight
 *
 *     log W ← log W + w_t,   w_t = α·log p_t − log q_t
 *
 * up to its own end; one that has ended waits with its weight. When the effective number of particles falls under N/2,
 * they are resampled, and all weights become their mean. The answer is one particle, drawn with probability ∝ W.
 *
 * Where log Z is known within bounds, particles are resampled and drawn by their weights at the upper ones, and each
 * carries by how much it may weigh less: any weights may resample, as long as what they leave is accounted for.
 *
 * Approximate: its law tends to p^α as N grows; with one particle it is q. Exact for every N is
 *
 *     Ẑ = (1/N) Σ W,   E[Ẑ · 1{answer = x}] = p(x)^α,   so E[Ẑ] = Σ_x p(x)^α
 *
 * Source: Azizi et al., "Power-SMC", arXiv 2602.10273; Del Moral, "Feynman-Kac formulae", 2004; resampling as
 * needed: Liu & Chen, "Sequential Monte Carlo methods for dynamic systems", JASA 93 (1998).
 */
import type { DrawCost } from "../core/draw-cost.ts";
import { logSumExp, selectByLogWeight } from "../core/log-sum-exp.ts";
import type { TokenStream } from "../core/token-stream.ts";
import { isComplete } from "./completion.ts";
import type { Completion, CompletionToken } from "./completion.ts";
import { lockStep, tokensOf } from "./lock-step.ts";
import { effectiveSampleSize, resampleSystematically } from "./resampling.ts";
import { logWeight } from "./target.ts";
import type { PowerTarget } from "./target.ts";

/** Share of the particles below which their effective number has them resampled. */
const resamplingShare = 0.5;

export interface Particle {
  readonly completion: Completion;
  /** log W, with the means of all resamplings in it. */
  readonly logWeight: number;
  /** By how much it may be less, nats; 0 where log Z is known exactly. */
  readonly gap: number;
}

export interface ParticleSettings {
  readonly target: PowerTarget;
  /** How many. */
  readonly particles: number;
  /** See `lockStep`; side by side when left out. */
  readonly inTurn?: boolean;
  readonly horizon: number;
  /** Once it is aborted, streams end as at a budget's end. */
  readonly ending?: AbortSignal | undefined;
  /** The uniform that resamples when the particles that grow have so many tokens. */
  readonly resampleDraw: (length: number) => number;
  /** The uniform that draws the answer. */
  readonly selectDraw: number;
  /**
   * Draws tokens of q after `kept`, until an absorbing token or `horizon`. A stream that ends before that says
   * that the budget is spent. Each particle draws by uniforms of its own.
   */
  readonly extend: (
    kept: Completion,
    horizon: number,
    particle: number,
    cost: DrawCost,
  ) => TokenStream<CompletionToken>;
}

export interface SmcResult {
  readonly particles: readonly Particle[];
  /** The completion that was drawn: of those that got furthest, when the budget or `ending` ended it before all were complete. */
  readonly answer: Completion;
  /** Tokens of all particles, those of discarded ones included. */
  readonly drawnTokens: number;
  /** Those among them that the model was not asked for. */
  readonly rememberedTokens: number;
  readonly resamplings: number;
  readonly budgetExhausted: boolean;
  /** Whether `ending` ended it. */
  readonly endedEarly: boolean;
}

/** Grows particles to their ends and draws one of them. */
export async function runSmc(settings: ParticleSettings): Promise<SmcResult> {
  const { horizon, extend, resampleDraw } = settings;
  let particles: readonly Particle[] = Array.from({ length: settings.particles }, () => ({
    completion: [],
    logWeight: 0,
    gap: 0,
  }));
  // Draws a token ahead, so that the prompt is run once and every particle finds it cached.
  for await (const _run of extend([], 1, 0, { evaluatedTokens: 0 }));
  const cost = { evaluatedTokens: 0 };
  let drawnTokens = 0;
  for (let resamplings = 0; ; resamplings++) {
    const growth = await grow(particles, settings, cost);
    particles = growth.particles;
    drawnTokens += growth.drawnTokens;
    const isEnding = settings.ending?.aborted === true;
    if (growth.isDry || particles.every(({ completion }) => isComplete(completion, horizon))) {
      return {
        particles,
        answer: drawAnswer(particles, settings),
        drawnTokens,
        rememberedTokens: drawnTokens - cost.evaluatedTokens,
        resamplings,
        budgetExhausted: growth.isDry && !isEnding,
        endedEarly: growth.isDry && isEnding,
      };
    }
    particles = resample(particles, resampleDraw(growth.length));
  }
}

interface Growth {
  readonly particles: readonly Particle[];
  readonly drawnTokens: number;
  /** Tokens of each particle that still grows. */
  readonly length: number;
  /** Whether the budget ended before a particle did. */
  readonly isDry: boolean;
}

/** Grows particles until all are complete, they have to be resampled, or the budget is spent. */
async function grow(
  before: readonly Particle[],
  { target, horizon, inTurn = false, extend }: ParticleSettings,
  cost: DrawCost,
): Promise<Growth> {
  const particles = before.map(({ completion, ...weight }) => ({ completion: [...completion], ...weight }));
  const growing = particles.filter(({ completion }) => !isComplete(completion, horizon));
  const streams = growing.map((particle) => {
    const place = particles.indexOf(particle);
    return tokensOf(extend(before[place]!.completion, horizon, place, cost));
  });
  let length = growing[0]?.completion.length ?? 0;
  let drawnTokens = 0;
  for await (const round of lockStep(streams, inTurn)) {
    for (const { index, value: token } of round) {
      const particle = growing[index]!;
      particle.completion.push(token);
      particle.logWeight += logWeight(target, token);
      particle.gap += token.logNormalizerGap ?? 0;
    }
    drawnTokens += round.length;
    length++;
    const unfinished = growing.filter(({ completion }) => !isComplete(completion, horizon));
    if (unfinished.some(({ completion }) => completion.length < length)) break;
    if (unfinished.length > 0 && isDegenerate(particles))
      return { particles, drawnTokens, length, isDry: false };
  }
  const isDry = growing.some(({ completion }) => !isComplete(completion, horizon));
  return { particles, drawnTokens, length, isDry };
}

const weightsOf = (particles: readonly Particle[]): number[] => particles.map(({ logWeight }) => logWeight);

const isDegenerate = (particles: readonly Particle[]): boolean =>
  effectiveSampleSize(weightsOf(particles)) < resamplingShare * particles.length;

/** log Ẑ; its upper bound where log Z is known within bounds. */
export const logEvidence = (particles: readonly Particle[]): number =>
  logSumExp(weightsOf(particles)) - Math.log(particles.length);

/** log Ẑ where every particle weighs the least that it may. */
export const leastLogEvidence = (particles: readonly Particle[]): number =>
  logEvidence(
    particles.map(({ logWeight, gap, ...particle }) => ({ ...particle, logWeight: logWeight - gap, gap: 0 })),
  );

function resample(particles: readonly Particle[], u: number): Particle[] {
  const mean = logEvidence(particles);
  return resampleSystematically(weightsOf(particles), u).map((ancestor) => ({
    completion: particles[ancestor]!.completion,
    logWeight: mean,
    gap: particles[ancestor]!.gap,
  }));
}

function drawAnswer(
  particles: readonly Particle[],
  { horizon, selectDraw }: Pick<ParticleSettings, "horizon" | "selectDraw">,
): Completion {
  const reach = ({ completion }: Particle): number =>
    isComplete(completion, horizon) ? Infinity : completion.length;
  const furthest = Math.max(...particles.map(reach));
  const candidates = particles.filter((particle) => reach(particle) === furthest);
  return candidates[selectByLogWeight(weightsOf(candidates), selectDraw)]!.completion;
}
