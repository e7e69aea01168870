import type { Task } from "./task.ts";

/** A completion of a test prompt by some sampler. One seed for all prompts would draw the same uniforms for each. */
export type Complete = (prompt: string, address: { seed: number; choice: number }) => Promise<string>;

export interface SamplerRow {
  /** Share of right answers, and pass@k for k = 4 and 16 (or the most samples there are). */
  readonly passAt1: number;
  readonly standardError: number;
  readonly passAt4: number;
  readonly passAtAll: number;
  /** Share of each of the task's routes. */
  readonly routes: Readonly<Record<string, number>>;
}

/**
 * Answers `prompts` × `samples` and grades them. The standard error is that of the mean over prompts, since
 * samples of one prompt are not independent draws of its difficulty.
 */
export async function measureSampler(
  task: Task,
  complete: Complete,
  { prompts, samples }: { prompts: number; samples: number },
): Promise<SamplerRow> {
  const counts = new Map(task.routes.map((route) => [route, 0]));
  const rights: number[] = [];
  for (const batch of chunks([...task.testPrompts(prompts).entries()], 8)) {
    const graded = batch.map(async ([seed, prompt]) => {
      const answers = await Promise.all(
        Array.from({ length: samples }, (_, choice) => complete(prompt, { seed, choice })),
      );
      for (const route of answers.map((answer) => task.routeOf(prompt, answer)))
        counts.set(route, counts.get(route)! + 1);
      return answers.filter((answer) => task.isCorrect(prompt, answer)).length;
    });
    rights.push(...(await Promise.all(graded)));
  }
  const shares = rights.map((right) => right / samples);
  const passAt1 = mean(shares);
  const variance = mean(shares.map((share) => (share - passAt1) ** 2));
  return {
    passAt1,
    standardError: Math.sqrt(variance / prompts),
    passAt4: mean(rights.map((right) => passAtK(samples, right, Math.min(4, samples)))),
    passAtAll: mean(rights.map((right) => passAtK(samples, right, samples))),
    routes: Object.fromEntries([...counts].map(([route, count]) => [route, count / (prompts * samples)])),
  };
}

/** Unbiased pass@k = 1 − C(n−c, k)/C(n, k) in product form (Chen et al., arXiv 2107.03374). */
export function passAtK(samples: number, right: number, k: number): number {
  if (samples - right < k) return 1;
  let miss = 1;
  for (let i = samples - right + 1; i <= samples; i++) miss *= 1 - k / i;
  return 1 - miss;
}

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

function chunks<Item>(items: readonly Item[], size: number): Item[][] {
  const groups: Item[][] = [];
  for (let start = 0; start < items.length; start += size) groups.push(items.slice(start, start + size));
  return groups;
}
