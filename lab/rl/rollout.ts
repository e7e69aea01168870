import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DrawKey } from "../../src/core/random.ts";
import type { ScoredToken, TokenIds } from "../../src/core/tokens.ts";
import type { Engine } from "../../src/engine/engine.ts";
import { LocalEngine } from "../../src/engine/local/local-engine.ts";
import { createRunner, openGraph } from "../../src/engine/onnx/open-graph.ts";
import { exportOnnx } from "../export-onnx.ts";
import type { DecoderShape } from "../export-onnx.ts";
import type { Task } from "../task.ts";

/** A response that a policy drew at T = 1, graded. */
export interface Rollout {
  readonly prompt: string;
  readonly promptTokens: TokenIds;
  /** The end token included. Scores are the engine's. */
  readonly tokens: readonly ScoredToken[];
  /** False when the response ran out of room. */
  readonly hasEnded: boolean;
  readonly text: string;
  /** 1 when it ends in the answer that counts, else 0; 0 also for one that did not end. */
  readonly reward: number;
}

const lanes = 32;
const cpu = { device: "cpu", threads: 1 } as const;

/** An engine over a policy's present weights: the graph is written to a file of its own, opened, and removed. */
export async function openPolicy(
  shape: DecoderShape,
  values: ReadonlyMap<string, Float32Array>,
): Promise<Engine> {
  const folder = await mkdtemp(join(tmpdir(), "metropolis-rollout-"));
  try {
    const path = join(folder, "model.onnx");
    await writeFile(
      path,
      exportOnnx(shape, (name) => values.get(name)!),
    );
    return await openEngine(path, shape);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** An engine over a graph on disk. */
export async function openEngine(path: string, { maxPositions }: DecoderShape): Promise<Engine> {
  const capacity = Math.min(maxPositions, 64);
  const runner = await createRunner(openGraph(path, cpu), {
    ...cpu,
    lanes,
    capacity,
    maxRowTokens: capacity,
  });
  return new LocalEngine(runner, { prefillChunk: capacity, prefixStoreBytes: 2 ** 24 });
}

/**
 * Draws `samples` responses to each prompt, [prompts][samples]. Every response has draws of its own: `choice` counts
 * them.
 */
export async function rollOut(
  { engine, task }: { readonly engine: Engine; readonly task: Task },
  prompts: readonly string[],
  samples: number,
  draws: Omit<DrawKey, "choice" | "step">,
): Promise<Rollout[][]> {
  const { endToken } = task.vocabulary;
  const respond = async (prompt: string, choice: number): Promise<Rollout> => {
    const promptTokens = task.vocabulary.encode(prompt);
    const request = {
      prefix: promptTokens,
      maxTokens: task.maxResponseLength + 1,
      endTokens: new Set([endToken]),
      sampling: { inverseTemperature: 1 },
      draws: { ...draws, choice, step: 0 },
      topCount: 0,
    };
    const tokens: ScoredToken[] = [];
    for await (const run of engine.extend(request, new AbortController().signal)) tokens.push(...run);
    const hasEnded = tokens.at(-1)!.token === endToken;
    const text = task.vocabulary.decode(tokens.slice(0, hasEnded ? -1 : undefined).map(({ token }) => token));
    const reward = hasEnded && task.isCorrect(prompt, text) ? 1 : 0;
    return { prompt, promptTokens, tokens, hasEnded, text, reward };
  };
  return Promise.all(
    prompts.map((prompt, index) =>
      Promise.all(Array.from({ length: samples }, (_, sample) => respond(prompt, index * samples + sample))),
    ),
  );
}
