import { mkdtemp, readFile, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { InferenceSession, Tensor } from "onnxruntime-node";
import type { DecoderShape } from "../lab/export-onnx.ts";

export interface OperatorShare {
  readonly operator: string;
  /** Of the time of all operators. */
  readonly share: number;
}

interface Load {
  readonly rows: number;
  readonly contextTokens: number;
  readonly threads: number;
}

const steps = 10;
const named = 5;

/**
 * Which operators a decode step spends its time in, by ONNX Runtime's own profile. Runs through the stock API, which
 * copies the cache around the step: the operators are the same, and only they are counted.
 */
export async function profileDecode(path: string, shape: DecoderShape, load: Load): Promise<OperatorShare[]> {
  const folder = await mkdtemp(join(tmpdir(), "metropolis-profile-"));
  try {
    const session = await InferenceSession.create(path, {
      intraOpNumThreads: load.threads,
      enableProfiling: true,
      profileFilePrefix: join(folder, "run"),
    });
    const feeds = feedsOf(shape, load);
    for (let step = 0; step < steps; step++) await session.run(feeds);
    session.endProfiling();
    await session.release();
    return sharesOf(await readProfile(folder));
  } finally {
    await rm(folder, { recursive: true });
  }
}

function feedsOf(
  { layers, kvHeads, headDim }: DecoderShape,
  { rows, contextTokens }: Load,
): Record<string, Tensor> {
  const total = contextTokens + 1;
  const shape = [rows, kvHeads, total, headDim];
  const size = shape.reduce((product, length) => product * length, 1);
  const feeds: Record<string, Tensor> = {
    input_ids: new Tensor("int64", new BigInt64Array(rows).fill(1n), [rows, 1]),
    attention_mask: new Tensor("int64", new BigInt64Array(rows * total).fill(1n), [rows, total]),
  };
  for (let layer = 0; layer < layers; layer++) {
    for (const side of ["key", "value"]) {
      feeds[`past_key_values.${layer}.${side}`] = new Tensor("float32", new Float32Array(size), shape);
    }
  }
  return feeds;
}

interface ProfileEvent {
  readonly cat: string;
  readonly name: string;
  /** Microseconds. */
  readonly dur: number;
  readonly args?: { readonly op_name?: string };
}

async function readProfile(folder: string): Promise<ProfileEvent[]> {
  const [file] = await readdir(folder);
  return JSON.parse(await readFile(join(folder, file!), "utf8")) as ProfileEvent[];
}

/** Of each node the fastest run: on a busy machine a mean tells which run was interrupted. */
function sharesOf(events: readonly ProfileEvent[]): OperatorShare[] {
  const nodes = new Map<string, { readonly operator: string; readonly us: number }>();
  for (const { cat, name, dur, args } of events) {
    if (cat !== "Node" || !name.endsWith("_kernel_time")) continue;
    const us = Math.min(dur, nodes.get(name)?.us ?? Infinity);
    nodes.set(name, { operator: args?.op_name ?? name, us });
  }
  const sums = new Map<string, number>();
  for (const { operator, us } of nodes.values()) sums.set(operator, (sums.get(operator) ?? 0) + us);
  const total = [...sums.values()].reduce((sum, us) => sum + us, 0);
  return [...sums]
    .map(([operator, sum]) => ({ operator, share: sum / total }))
    .sort((a, b) => b.share - a.share)
    .slice(0, named);
}
