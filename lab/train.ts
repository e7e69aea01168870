import { setImmediate as letOthersRun } from "node:timers/promises";
import { jit, numpy as np, tree, valueAndGrad } from "@jax-js/jax";
import type { Array as JaxArray } from "@jax-js/jax";
import { initialState, updateWeights } from "./adamw.ts";
import type { AdamState, StepScalars } from "./adamw.ts";
import type { DecoderShape } from "./export-onnx.ts";
import { crossEntropy } from "./loss.ts";
import type { TrainingBatch } from "./loss.ts";
import { initialValues, toWeights, weightShapes } from "./model.ts";
import type { Weights } from "./model.ts";
import { Stream } from "./stream.ts";
import type { Task } from "./task.ts";

export interface TrainingSettings {
  readonly seed: number;
  readonly steps: number;
  readonly batchSize: number;
  readonly peakLearningRate: number;
  readonly warmupSteps: number;
}

export const usualTraining: TrainingSettings = {
  seed: 0,
  steps: 2400,
  batchSize: 96,
  peakLearningRate: 2e-3,
  warmupSteps: 100,
};

const adam = { beta1: 0.9, beta2: 0.98, epsilon: 1e-8, weightDecay: 0.01, clipNorm: 1 };

const streams = { weights: 1, data: 2 } as const;

type Update = (
  weights: Weights,
  state: AdamState,
  batch: TrainingBatch,
  scalars: StepScalars,
) => { readonly loss: JaxArray; readonly weights: Weights; readonly state: AdamState };

/**
 * Trains from a seed. The same seed gives the same data and start; sums in another order of threads may move the
 * last bits.
 * @param excluded prompts that training must not see
 */
export async function train(
  { task, shape }: { readonly task: Task; readonly shape: DecoderShape },
  settings: TrainingSettings,
  hooks: { readonly excluded: ReadonlySet<string>; readonly onStep: (step: number, loss: number) => void },
): Promise<Map<string, Float32Array>> {
  let weights = toWeights(shape, initialValues(shape, new Stream(settings.seed, streams.weights)));
  let state = initialState(weights);
  const data = new Stream(settings.seed, streams.data);
  const update = jit((w: Weights, s: AdamState, batch: TrainingBatch, scalars: StepScalars) => {
    const [loss, gradients] = valueAndGrad((v: Weights) => crossEntropy(shape, v, batch))(tree.ref(w));
    const { gradientNorm, ...next } = updateWeights({ weights: w, gradients, state: s, scalars }, adam);
    gradientNorm.dispose();
    return { loss, ...next };
  }) as unknown as Update;
  for (let step = 1; step <= settings.steps; step++) {
    const batch = drawBatch(task, settings.batchSize, data, hooks.excluded);
    const next = update(weights, state, batch, scalarsAt(step, settings));
    ({ weights, state } = next);
    hooks.onStep(step, Number(await next.loss.jsAsync()));
    // jax-js resolves without a turn of the event loop: timers and signals would wait for the last step.
    await letOthersRun();
  }
  const values = new Map<string, Float32Array>();
  for (const name of weightShapes(shape).keys())
    values.set(name, (await weights[name]!.data()) as Float32Array);
  return values;
}

function scalarsAt(step: number, { steps, warmupSteps, peakLearningRate }: TrainingSettings): StepScalars {
  const progress = Math.max(0, step - warmupSteps) / Math.max(1, steps - warmupSteps);
  const cosine = 0.5 * (1 + Math.cos(Math.PI * progress));
  const warmup = Math.min(1, step / warmupSteps);
  return {
    learningRate: np.array(peakLearningRate * warmup * cosine),
    correction1: np.array(1 - adam.beta1 ** step),
    correction2: np.array(1 - adam.beta2 ** step),
  };
}

/** A batch of demonstrations; the loss looks at responses alone, end token included. */
export function drawBatch(
  task: Task,
  size: number,
  stream: Stream,
  excluded: ReadonlySet<string>,
): TrainingBatch {
  const { endToken, padToken } = task.vocabulary;
  // Prompt, response and end token, less the last one, which is never an input.
  const inputLength = task.maxPromptLength + task.maxResponseLength;
  const ids = new Float32Array(size * inputLength).fill(padToken);
  const targets = new Float32Array(size * inputLength).fill(padToken);
  const mask = new Float32Array(size * inputLength);
  for (let row = 0; row < size; row++) {
    const prompt = drawTrainingPrompt(task, stream, excluded);
    const response = task.drawDemonstration(prompt, stream);
    const tokens = [...task.vocabulary.encode(prompt + response), endToken];
    for (let position = 0; position + 1 < tokens.length; position++) {
      const index = row * inputLength + position;
      ids[index] = tokens[position]!;
      targets[index] = tokens[position + 1]!;
      if (position + 1 >= prompt.length) mask[index] = 1;
    }
  }
  const shape = [size, inputLength];
  const integers = (values: Float32Array): JaxArray => np.array(Int32Array.from(values)).reshape(shape);
  return { ids: integers(ids), targets: integers(targets), mask: np.array(mask).reshape(shape) };
}

export function drawTrainingPrompt(task: Task, stream: Stream, excluded: ReadonlySet<string>): string {
  for (;;) {
    const prompt = task.drawPrompt(stream);
    if (!excluded.has(prompt)) return prompt;
  }
}
