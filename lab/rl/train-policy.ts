import { setImmediate as letOthersRun } from "node:timers/promises";
import type { EmbeddedModel } from "../embedded-model.ts";
import { Stream } from "../stream.ts";
import { testSize } from "../task.ts";
import { drawTrainingPrompt } from "../train.ts";
import { Learner } from "./learner.ts";
import type { LearnerSettings } from "./learner.ts";
import { needsReference } from "./methods.ts";
import { Policy } from "./policy.ts";
import { openPolicy, rollOut } from "./rollout.ts";
import type { Rollout } from "./rollout.ts";
import { meanEntropies, measurePolicy } from "./training-log.ts";
import type { LogLine } from "./training-log.ts";

export interface PolicyTraining extends LearnerSettings {
  /** Of the method, for the log. */
  readonly name: string;
  /** Rollout steps: responses are drawn, then learned from once. */
  readonly steps: number;
  readonly promptsPerStep: number;
  /** Responses to each prompt. */
  readonly groupSize: number;
  /** Held-out prompts and samples of each that every step is measured on. */
  readonly heldOut: { readonly prompts: number; readonly samples: number };
  /**
   * Training prompts that H is measured on, as often answered as held-out ones and the same at every step and seed. When
   * left out H is that of the responses that the step learns from.
   */
  readonly entropyPrompts?: number;
}

/** Smaller than the paper's (512 prompts x 8 and 8 updates a step, 2400 updates), sized for two cores and minutes. */
export const usualPolicyTraining = {
  seed: 0,
  steps: 80,
  promptsPerStep: 16,
  groupSize: 8,
  minibatches: 8,
  learningRate: 1e-4,
  warmupUpdates: 16,
  heldOut: { prompts: 48, samples: 4 },
} as const;

const promptStreamName = 1;
const entropyStreamName = 4;
const branches = { training: 0, heldOut: 1, entropy: 2 } as const;
const chunkRows = 16;

/**
 * Policy-gradient training from given weights. The same seed draws the same prompts and, while the weights agree to the
 * last bit, the same responses.
 * @param hooks `onLine` after each step; an aborted `signal` ends the run after the step at hand
 * @returns the weights at the end
 */
export async function trainPolicy(
  { task, shape }: Pick<EmbeddedModel, "task" | "shape">,
  base: ReadonlyMap<string, Float32Array>,
  training: PolicyTraining,
  hooks: { readonly signal: AbortSignal; readonly onLine: (line: LogLine) => Promise<void> },
): Promise<ReadonlyMap<string, Float32Array>> {
  const { name, method, seed, steps, heldOut } = training;
  checkTraining(training);
  const chunk = { rows: chunkRows, length: task.maxPromptLength + task.maxResponseLength };
  using policy = new Policy(shape, chunk, base);
  using reference = needsReference(method) ? new Policy(shape, chunk, base) : undefined;
  const learner = new Learner({ policy, reference }, training);
  const held = task.testPrompts(testSize);
  const excluded = new Set(held);
  const drawPrompts = (count: number, stream: Stream): string[] =>
    Array.from({ length: count }, () => drawTrainingPrompt(task, stream, excluded));
  const stream = new Stream(seed, promptStreamName);
  const { entropyPrompts } = training;
  const measured = entropyPrompts && drawPrompts(entropyPrompts, new Stream(0, entropyStreamName));
  const label = { method: name, ...(name !== "grpo" && { intervention: name }) };
  let values = base;
  for (let step = 0; ; step++) {
    await using engine = await openPolicy(shape, values);
    const prompts = drawPrompts(training.promptsPerStep, stream);
    const draw = (from: readonly string[], samples: number, branch: number): Promise<Rollout[][]> =>
      rollOut({ engine, task }, from, samples, { seed, stage: step, branch });
    const groups = await draw(prompts, training.groupSize, branches.training);
    const tests = await draw(held.slice(0, heldOut.prompts), heldOut.samples, branches.heldOut);
    const answers = measured ? await draw(measured, heldOut.samples, branches.entropy) : groups;
    const measures = { ...measurePolicy(task, groups, tests), ...meanEntropies(answers.flat()) };
    if (!Number.isFinite(measures.H))
      throw new Error(`the policy's entropy is ${measures.H} at step ${step}`);
    const isLast = step === steps || hooks.signal.aborted;
    const update = isLast ? undefined : await learner.learn(groups);
    await hooks.onLine({ step, ...label, ...measures, ...(update && { update }) });
    if (isLast) return values;
    values = await policy.values();
    // jax-js resolves without a turn of the event loop: timers and signals would wait for the last step.
    await letOthersRun();
  }
}

/** @throws Error for settings under which a method would silently do nothing, or that cannot be kept */
export function checkTraining({
  promptsPerStep,
  groupSize,
  minibatches,
  method,
  heldOut,
}: PolicyTraining): void {
  if (heldOut.prompts > testSize) throw new Error(`there are ${testSize} held-out prompts: use no more`);
  if (groupSize < 2) throw new Error("a group of one response has no advantage: use at least 2");
  if (promptsPerStep * groupSize < 2 * minibatches)
    throw new Error("a minibatch of one response has a constant advantage: use fewer minibatches");
  if (method.klCov !== undefined && minibatches < 2)
    throw new Error("KL-Cov does nothing on the first update of a step: use at least 2 minibatches");
}
