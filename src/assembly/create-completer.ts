import type { OnLoadProgress } from "../core/load-progress.ts";
import { withinVocabulary } from "../decoder/end-tokens.ts";
import { LocalCompleter } from "../decoder/local-completer.ts";
import { readModelFolder } from "../decoder/model-folder.ts";
import type { Engine } from "../engine/engine.ts";
import { LocalEngine } from "../engine/local/local-engine.ts";
import type { ServerMark } from "../engine/health.ts";
import { changeSince } from "../engine/remote/server-mark.ts";
import { MemoStore } from "../engine/memo/memo-store.ts";
import { measurePassTimes } from "../engine/local/measure-pass-times.ts";
import type { ModelRunner } from "../engine/local/runner.ts";
import { checkRowAgreement } from "../engine/local/row-agreement.ts";
import { readGraphFile } from "../engine/onnx/graphs/graph-file.ts";
import { SaidStore } from "../engine/speculation/said-store.ts";
import { createRunner, openGraph } from "../engine/onnx/open-graph.ts";
import { moveToHugePages, watchMemory } from "../engine/onnx/ort/huge-pages.ts";
import type { OpenedGraph } from "../engine/onnx/open-graph.ts";
import { locateModel, locateTokenizer } from "./locate-model.ts";
import { checkUnchanged, stampFiles } from "./model-files.ts";
import type { FileStamps } from "./model-files.ts";
import type { LocatedFolder } from "./locate-model.ts";
import { readMachine } from "./machine.ts";
import type { Machine } from "./machine.ts";
import { cacheBudget, checkMemory, mib } from "./memory.ts";
import {
  checkWeights,
  choosePrefillChunk,
  chooseSize,
  chooseStoreMib,
  chooseThreads,
  describeStores,
} from "./room.ts";
import type { EngineSettings } from "./engine-settings.ts";
import { changedServer, describeServer, openServer } from "./server-engine.ts";
import type { TokenizerPlace } from "./server-engine.ts";

export interface CreatedCompleter {
  readonly completer: LocalCompleter;
  /** What an operator should read at start-up. */
  readonly notes: readonly string[];
}

export interface CreateOptions {
  /** What the files have to be; what they are now when left out. */
  readonly stamps?: FileStamps | undefined;
  /** Which model a server elsewhere has to run; the one that it runs now when left out. */
  readonly mark?: ServerMark | undefined;
  readonly onProgress?: OnLoadProgress;
  /** What it is to fit; this one when left out. */
  readonly machine?: Machine;
}

/**
 * Puts a completer together from a model folder: the one place that picks engine, runner and accelerations.
 * @throws InferenceError what is wrong with the files, that they are others or were written to while they were read
 */
export async function createCompleter(
  settings: EngineSettings,
  { stamps, mark, onProgress = () => undefined, machine = readMachine() }: CreateOptions = {},
): Promise<CreatedCompleter> {
  const located: LocatedFolder & { readonly graphPath?: string } =
    settings.server === undefined ? await locateModel(settings) : await locateTokenizer(settings);
  const { id, folder, graphPath } = located;
  const found = stamps === undefined ? await stampFiles(located) : await checkUnchanged(stamps);
  const description = await readModelFolder(folder, id);
  const { engine, notes } =
    graphPath === undefined
      ? await createServerEngine({ folder, description, mark }, settings, { onProgress, machine })
      : await createEngine({ graphPath, ...description }, settings, { onProgress, machine });
  await closeOnError(engine, () => checkUnchanged(found));
  const stated = { ids: description.model.endTokenIds, notes: description.notes };
  const ends = withinVocabulary(stated, engine.info.vocabularySize);
  const info = { ...description.model, endTokenIds: ends.ids };
  const completer = new LocalCompleter({ ...description, model: info }, engine, {
    earlyRejection: settings.earlyRejection,
    prefetch: settings.prefetch,
    // A server has its own: what it draws is not tried here.
    speculation: settings.speculation && settings.server === undefined ? new SaidStore() : undefined,
    memo: settings.memo ? new MemoStore(chooseStoreMib(settings.memoMib, machine) * mib) : undefined,
  });
  return { completer, notes: [...notes, ...ends.notes] };
}

interface FoundModel {
  readonly graphPath: string;
  readonly maxPositions: number | undefined;
}

type Surroundings = Required<Pick<CreateOptions, "onProgress" | "machine">>;

async function createServerEngine(
  place: TokenizerPlace & { readonly mark: ServerMark | undefined },
  { server, memoMib }: EngineSettings,
  { onProgress, machine }: Surroundings,
): Promise<{ engine: Engine; notes: string[] }> {
  if (server === undefined) throw new Error("there is neither a graph nor a server");
  onProgress({ stage: "connecting" });
  const opened = await openServer(server, place);
  const { engine, description, facts } = opened;
  const change = place.mark && changeSince(place.mark, { description, facts });
  if (change !== undefined) {
    await engine[Symbol.asyncDispose]();
    throw changedServer(server, change);
  }
  const stores = describeStores({ prefixStoreMib: 0, memoMib }, machine);
  return { engine, notes: [...describeServer(opened), ...stores] };
}

async function createEngine(
  { graphPath, maxPositions }: FoundModel,
  settings: EngineSettings,
  { onProgress, machine }: Surroundings,
): Promise<{ engine: Engine; notes: string[] }> {
  const { device, spinning, mapWeights, int4Compute, maxGapMs, deterministic } = settings;
  const { bytes: fileBytes } = readGraphFile(graphPath);
  checkWeights(settings, fileBytes, machine);
  const threads = chooseThreads(settings, fileBytes, machine);
  const opening = { device, threads: threads.value, spinning, mapWeights, int4Compute, onProgress };
  const { loaded: opened, memory } = watchMemory(() => openGraph(graphPath, opening));
  const prefillChunk = choosePrefillChunk(settings, opened.graph);
  const { runner, reason } = await closeOnError(opened.session, async () => {
    const size = chooseSize(settings, { ...opened, maxPositions }, machine);
    const { lanes, context: capacity } = size;
    // A device says itself what it has room for.
    if (opened.cacheDevice === "cpu") {
      const { bytesPerToken } = opened;
      checkMemory({ lanes, capacity, bytesPerToken }, cacheBudget(fileBytes, machine.memoryBytes));
    }
    const runner = await createRunner(opened, {
      device,
      lanes,
      capacity,
      maxRowTokens: prefillChunk,
      isFixedShape: deterministic,
    });
    return { runner, reason: size.reason };
  });
  return closeOnError(runner, async () => {
    if (deterministic) await checkRowAgreement(runner);
    onProgress({ stage: "measuring", totalBytes: fileBytes });
    const passTimes = await measurePassTimes(runner, { budgetMs: measuringMs });
    const prefixStoreBytes = chooseStoreMib(settings.prefixStoreMib, machine) * mib;
    const engine = new LocalEngine(runner, { prefillChunk, maxGapMs, prefixStoreBytes }, passTimes);
    const isOver = (): boolean => opened.session.isReleased;
    // Weights that cannot be moved are read where they are.
    const move = (): void => void moveToHugePages(memory, isOver).catch(() => undefined);
    if (device === "cpu") setTimeout(move, firstRequestsMs).unref();
    return {
      engine,
      notes: [
        `cache: ${describeCache(opened, runner)} (${reason})`,
        `threads: ${threads.value} (${threads.reason})`,
        ...describeStores(settings, machine),
        ...(runner.reproducibility === "approximate" ? [approximateNote] : []),
      ],
    };
  });
}

/** Enough for every size of a small model; of 135M parameters and more, the smallest and the largest are timed alone. */
const measuringMs = 400;

/** When weights move to huge pages: what starts a server, and its first requests, need the cores themselves. */
const firstRequestsMs = 2000;

function describeCache(
  { session: { device }, cacheDevice, form }: OpenedGraph,
  { memory }: ModelRunner,
): string {
  const { lanes, capacity, bytesPerToken } = memory;
  const cacheMib = ((lanes * capacity * bytesPerToken) / mib).toFixed(1);
  const place =
    device === "cpu" ? "" : ` on the ${cacheDevice === "cpu" ? "host, where attention runs" : "device"}`;
  const rows = form === "shared" ? "" : "; the graph appends by Concat, so rows run one by one";
  return `${lanes} lanes x ${capacity} tokens = ${cacheMib} MiB, allocated once${place}${rows}`;
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
