import { withinVocabulary } from "../decoder/end-tokens.ts";
import { LocalCompleter } from "../decoder/local-completer.ts";
import { readModelFolder } from "../decoder/model-folder.ts";
import type { Engine } from "../engine/engine.ts";
import { LocalEngine } from "../engine/local/local-engine.ts";
import { MemoStore } from "../engine/memo/memo-store.ts";
import { measurePassTimes } from "../engine/local/measure-pass-times.ts";
import { checkRowAgreement } from "../engine/local/row-agreement.ts";
import { createRunner, openGraph } from "../engine/onnx/open-graph.ts";
import { locateModel } from "./locate-model.ts";
import { checkUnchanged, stampFiles } from "./model-files.ts";
import type { FileStamps } from "./model-files.ts";
import { cacheBudget, checkMemory, chooseContext, mib } from "./memory.ts";
import type { EngineSettings } from "./engine-settings.ts";

export interface CreatedCompleter {
  readonly completer: LocalCompleter;
  /** What an operator should read at start-up. */
  readonly notes: readonly string[];
}

/**
 * Puts a completer together from a model folder: the one place that picks engine, runner and accelerations.
 * @param stamps what the files have to be; what they are now when left out
 * @throws InferenceError what is wrong with the files, that they are others or were written to while they were read
 */
export async function createCompleter(
  settings: EngineSettings,
  stamps?: FileStamps,
): Promise<CreatedCompleter> {
  const located = await locateModel(settings);
  const { id, folder, graphPath } = located;
  const found = stamps === undefined ? await stampFiles(located) : await checkUnchanged(stamps);
  const description = await readModelFolder(folder, id);
  const { engine, notes } = await createEngine(graphPath, description.maxPositions, settings);
  await closeOnError(engine, () => checkUnchanged(found));
  const stated = { ids: description.model.endTokenIds, notes: description.notes };
  const ends = withinVocabulary(stated, engine.info.vocabularySize);
  const model = { ...description.model, endTokenIds: ends.ids };
  const completer = new LocalCompleter({ ...description, model }, engine, {
    earlyRejection: settings.earlyRejection,
    prefetch: settings.prefetch,
    memo: settings.memo ? new MemoStore(settings.memoMib * mib) : undefined,
  });
  return { completer, notes: [...notes, ...ends.notes] };
}

async function createEngine(
  graphPath: string,
  maxPositions: number | undefined,
  settings: EngineSettings,
): Promise<{ engine: Engine; notes: string[] }> {
  const { device, threads, spinning, mapWeights, int4Compute } = settings;
  const { lanes, prefillChunk, maxGapMs, deterministic } = settings;
  const opened = openGraph(graphPath, { device, threads, spinning, mapWeights, int4Compute });
  const runner = await closeOnError(opened.session, () => {
    const capacity = chooseContext(settings.context, maxPositions);
    // A device says itself what it has room for.
    if (opened.cacheDevice === "cpu") {
      checkMemory({ lanes, capacity, bytesPerToken: opened.bytesPerToken }, cacheBudget(opened.fileBytes));
    }
    return createRunner(opened, {
      device,
      lanes,
      capacity,
      maxRowTokens: prefillChunk,
      isFixedShape: deterministic,
    });
  });
  return closeOnError(runner, async () => {
    if (deterministic) await checkRowAgreement(runner);
    const prefixStoreBytes = settings.prefixStoreMib * mib;
    const passTimes = await measurePassTimes(runner);
    const engine = new LocalEngine(runner, { prefillChunk, maxGapMs, prefixStoreBytes }, passTimes);
    const { capacity, bytesPerToken } = runner.memory;
    const cacheMib = ((lanes * capacity * bytesPerToken) / mib).toFixed(1);
    const place =
      device === "cpu"
        ? ""
        : ` on the ${opened.cacheDevice === "cpu" ? "host, where attention runs" : "device"}`;
    const rows = opened.form === "shared" ? "" : "; the graph appends by Concat, so rows run one by one";
    return {
      engine,
      notes: [
        `cache: ${lanes} lanes x ${capacity} tokens = ${cacheMib} MiB, allocated once${place}${rows}`,
        ...(runner.reproducibility === "approximate" ? [approximateNote] : []),
      ],
    };
  });
}

const approximateNote =
  "numbers: activations are rounded to 8 bits, so log-probs of one request differ by tenths of a nat from time to time; --deterministic stills them, --int4-compute fp32 nearly so for weights in blocks";

async function closeOnError<T>(owned: Disposable | AsyncDisposable, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (Symbol.dispose in owned) owned[Symbol.dispose]();
    else await owned[Symbol.asyncDispose]();
    throw error;
  }
}
