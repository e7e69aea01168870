import { totalmem } from "node:os";
import { InferenceError } from "../core/errors.ts";
import { LocalGenerator } from "../decoder/local-generator.ts";
import { readModelFolder } from "../decoder/model-folder.ts";
import type { ModelDescription } from "../decoder/model-folder.ts";
import type { Engine } from "../engine/engine.ts";
import { LocalEngine } from "../engine/local-engine.ts";
import { MemoEngine } from "../engine/memo.ts";
import { checkRowAgreement } from "../engine/row-agreement.ts";
import { createRunner, openGraph } from "../engine/onnx/open-graph.ts";
import type { EngineSettings } from "./serve-settings.ts";

const mib = 1024 * 1024;

export interface CreatedGenerator {
  readonly generator: LocalGenerator;
  /** What an operator should read at start-up. */
  readonly notes: readonly string[];
}

/** Puts a generator together from a model folder: the one place that picks engine, runner and accelerations. */
export async function createGenerator(settings: EngineSettings): Promise<CreatedGenerator> {
  const description = await readModelFolder(settings.model);
  const { engine, notes } = await createEngine(description, settings);
  const generator = new LocalGenerator(description, engine, {
    earlyRejection: settings.earlyRejection,
    memoize: settings.memo ? (inner) => new MemoEngine(inner) : (inner) => inner,
  });
  return { generator, notes };
}

async function createEngine(
  { graphPath, maxPositions }: ModelDescription,
  settings: EngineSettings,
): Promise<{ engine: Engine; notes: string[] }> {
  const { device, threads, lanes, prefillChunk, deterministic } = settings;
  const opened = openGraph(graphPath, { device, threads });
  const runner = await closeOnError(opened.session, () => {
    const capacity = chooseContext(settings.context, maxPositions);
    checkMemory({ lanes, capacity, bytesPerToken: opened.bytesPerToken });
    return createRunner(opened, { device, lanes, capacity, maxRowTokens: prefillChunk });
  });
  return closeOnError(runner, async () => {
    if (deterministic) await checkRowAgreement(runner);
    const prefixStoreBytes = settings.prefixStoreMib * mib;
    const engine = new LocalEngine(runner, { prefillChunk, prefixStoreBytes, deterministic });
    const { capacity, bytesPerToken } = runner.memory;
    const cacheMib = ((lanes * capacity * bytesPerToken) / mib).toFixed(1);
    const rows = opened.form === "shared" ? "" : "; the graph appends by Concat, so rows run one by one";
    return {
      engine,
      notes: [`cache: ${lanes} lanes x ${capacity} tokens = ${cacheMib} MiB, allocated once${rows}`],
    };
  });
}

async function closeOnError<T>(owned: Disposable | AsyncDisposable, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (Symbol.dispose in owned) owned[Symbol.dispose]();
    else await owned[Symbol.asyncDispose]();
    throw error;
  }
}

/** Where neither the model nor the operator says, this many tokens. */
const usualContext = 4096;

function chooseContext(asked: number | undefined, maxPositions: number | undefined): number {
  if (asked === undefined) return Math.min(maxPositions ?? usualContext, usualContext);
  if (maxPositions !== undefined && asked > maxPositions) {
    throw new InferenceError(
      "invalid_request",
      `--context ${asked} is more than the ${maxPositions} positions the model was made for. Use ${maxPositions} or less.`,
      { param: "context" },
    );
  }
  return asked;
}

/** Share of the machine's memory that the live cache may take. */
const memoryShare = 0.6;

/** @throws InferenceError with the settings that would fit */
export function checkMemory(
  { lanes, capacity, bytesPerToken }: { lanes: number; capacity: number; bytesPerToken: number },
  memoryBytes = totalmem(),
): void {
  const budget = memoryBytes * memoryShare;
  const needed = lanes * capacity * bytesPerToken;
  if (needed <= budget) return;
  const fittingLanes = Math.floor(budget / (capacity * bytesPerToken));
  const fittingContext = Math.floor(budget / (lanes * bytesPerToken));
  const fix =
    fittingLanes >= 1
      ? `--lanes ${fittingLanes}, or --context ${fittingContext} with ${lanes} lanes, would fit`
      : `--lanes 1 --context ${Math.floor(budget / bytesPerToken)} would fit`;
  throw new InferenceError(
    "invalid_request",
    `A cache of ${lanes} lanes x ${capacity} tokens needs ${Math.ceil(needed / mib)} MiB; ${Math.floor(budget / mib)} MiB of this machine's memory may be used for it. ${fix}.`,
    { param: "lanes" },
  );
}
