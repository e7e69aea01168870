/**
 * Drafts a completion by particles: beginnings x with weights log W(x), which are α·log p(x) at first. One that is grown
 * gives way to its likely continuations v,
 *
 *     log W(xv) = log W(x) + α·log p(v | x)
 *
 * and only growing asks the model. So all that are short of a length are compared there by what they may weigh by then,
 * M(x) = W(x)·exp(−c·tokens missing), c the loss of weight per token so far, and are
 *
 * - grown at once with a share of at least 1/N, and the heaviest in any case;
 * - left waiting with less, at no cost: most turn out hopeless as those in front go on, and are never grown;
 * - decided by lot once they have waited for several tokens: M(x) becomes ΣM/N with probability N·M(x)/ΣM, else 0.
 *
 * One is drawn by M in the end; where that is one that waits, the same begins there anew. Of what is less likely than the
 * candidates that the engine tells, the token that q drew stands for all: log W(xv) = log W(x) + w_v. Every lot keeps
 * weights on average, whatever it was decided by, so that for every N, with ΣM of the last draw,
 *
 *     E[ΣM · 1{answer = x}] = p(x)^α
 *
 * and the answer's law tends to p^α as N grows.
 *
 * Beginnings that differ early and go on alike are told apart in vain: of those that end in the same three tokens one
 * is left, drawn by weight, with the weight of them all. That leaves the expectation as it is.
 *
 * Source: Fearnhead & Clifford, "On-line inference for hidden Markov models via particle filters", JRSS B 65 (2003), for
 * keeping by weight; that light ones wait before they are decided is ours.
 */
import { logSumExp, selectByLogWeight } from "../core/log-sum-exp.ts";
import { mapAsync } from "../core/map-async.ts";
import { isComplete } from "./completion.ts";
import type { Completion } from "./completion.ts";
import type { Draft, DraftContext, KernelFamily } from "./kernel.ts";
import { Outlook } from "./outlook.ts";
import { closeAll, Particle } from "./particle.ts";
import type { PowerTarget } from "./target.ts";

/** The same kernels, whose completions are drafted by so many particles at most. */
export const draftedByParticles =
  (family: KernelFamily, particles: number): KernelFamily =>
  (target) => ({
    ...family(target),
    draft: (state, context) => growParticles(state, { target, particles }, context),
  });

export interface ParticleOptions {
  readonly target: PowerTarget;
  /** N: most that are grown at once. */
  readonly particles: number;
  /** Tokens for which a light one waits before it is decided. */
  readonly patience?: number;
}

/** What particles came to, or as far as the budget let them grow. */
export interface ParticleDraft extends Draft<Completion> {
  /** log ΣM of the last draw: ΣM is an unbiased estimate of Σ p(x)^α. */
  readonly logEvidence: number;
}

/** Less costs more for the same, and more is spent on beginning anew: docs/benchmarks.md, (r). */
const usualPatience = 6;

/** Continuations with less than 1/N by this factor are not even left waiting but by lot. */
const lightest = 16;

/** Two particles that end in as many tokens alike go on alike, by and large. */
const recombined = 3;

/** Grows particles from a completion, and draws one. */
export async function growParticles(
  start: Completion,
  { target, particles: most, patience = usualPatience }: ParticleOptions,
  context: DraftContext,
): Promise<ParticleDraft> {
  const { horizon, draws, inTurn } = context;
  const first = new Particle(start, 0);
  const outlook = new Outlook(first);
  let particles: readonly Particle[] = [first];
  let drawnTokens = 0;
  let branches = 0;
  try {
    // What later turns decide depends on what earlier ones did: each has uniforms of its own.
    for (let turn = 1; ; turn++) {
      const { accept, cut, select } = draws(turn);
      const { logSum, draw } = outlook.over(particles);
      const logThreshold = logSum - Math.log(most);
      const { growing, waiting } = sort(particles, { outlook, logThreshold, patience, u: select });
      await closeAll(particles.filter((one) => !growing.includes(one) && outlook.isShort(one)));
      particles = [...growing, ...waiting];
      if (growing.length === 0 && outlook.length < horizon && waiting.some(({ ends }) => !ends)) {
        outlook.advance(particles);
        continue;
      }
      if (growing.length === 0) {
        const last = outlook.over(particles);
        const one = last.draw(accept);
        if (isComplete(one.completion, horizon))
          return { state: one.completion, logEvidence: last.logSum, drawnTokens, isComplete: true };
        const chosen = one.weighing(outlook.weightOf(one, last.logSum));
        await closeAll(particles);
        particles = [chosen];
        outlook.beginAt(chosen);
        continue;
      }
      const branch = branches;
      const pulled = await mapAsync(growing, inTurn, (one, index) => one.pull(context, branch + index));
      branches += growing.length;
      const candidates = pulled.flatMap((next) => next ?? []);
      drawnTokens += candidates.length;
      if (candidates.length < growing.length)
        return { state: draw(accept).completion, logEvidence: logSum, drawnTokens, isComplete: false };
      const options = growing.flatMap((one, index) => one.continuations(candidates[index]!, target));
      const { logSum: after } = outlook.over([...waiting, ...options]);
      const grown = outlook
        .keep(options, after - Math.log(most * lightest), cut)
        .map(({ one, logWeight }) => one.become(logWeight));
      particles = recombine([...waiting, ...grown], horizon, accept);
      await closeAll([...growing, ...[...waiting, ...grown].filter((one) => !particles.includes(one))]);
    }
  } finally {
    await closeAll(particles);
  }
}

interface Sorting {
  readonly outlook: Outlook;
  /** log ΣM/N. */
  readonly logThreshold: number;
  readonly patience: number;
  readonly u: number;
}

/** Those that grow now, those that wait; what the lot falls against is in neither. */
function sort(
  particles: readonly Particle[],
  { outlook, logThreshold, patience, u }: Sorting,
): { readonly growing: readonly Particle[]; readonly waiting: readonly Particle[] } {
  const short = particles.filter((particle) => outlook.isShort(particle));
  const heavy = short.filter((particle) => outlook.of(particle) >= logThreshold);
  const light = short.filter((particle) => !heavy.includes(particle));
  const isOverdue = ({ length }: Particle): boolean => outlook.length - length > patience;
  const revived = outlook
    .keep(light.filter(isOverdue), logThreshold, u)
    .map(({ one, logWeight }) => one.weighing(logWeight));
  const growing = [...heavy, ...revived];
  const patient = light.filter((particle) => !isOverdue(particle));
  // One goes on in any case; of many that weigh the same no more than that.
  if (growing.length === 0 && short.length === particles.length)
    growing.push(outlook.heaviest(patient.length > 0 ? patient : light));
  return {
    growing,
    waiting: particles.filter(
      (particle) => !outlook.isShort(particle) || (patient.includes(particle) && !growing.includes(particle)),
    ),
  };
}

/** Leaves one of those that go on alike, drawn by weight, with the weight of them all. */
function recombine(particles: readonly Particle[], horizon: number, u: number): readonly Particle[] {
  const groups = new Map<string, Particle[]>();
  for (const [index, particle] of particles.entries()) {
    const { completion, length } = particle;
    const end = completion.slice(-recombined).map(({ token }) => token);
    const key = isComplete(completion, horizon) ? `whole ${index}` : [length, ...end].join();
    groups.set(key, [...(groups.get(key) ?? []), particle]);
  }
  return Array.from(groups.values(), (alike) => {
    if (alike.length === 1) return alike[0]!;
    const logWeights = alike.map(({ logWeight }) => logWeight);
    return alike[selectByLogWeight(logWeights, u)]!.weighing(logSumExp(logWeights));
  });
}
