import { basename, relative } from "node:path";
import { locateModel } from "../assembly/locate-model.ts";
import { readMachine } from "../assembly/machine.ts";
import type { Machine } from "../assembly/machine.ts";
import { cacheBudget, fitCache } from "../assembly/memory.ts";
import { checkWeights, choosePrefillChunk, chooseSize, chooseThreads } from "../assembly/room.ts";
import type { Size } from "../assembly/room.ts";
import { usualEngine } from "../assembly/engine-settings.ts";
import type { EngineSettings } from "../assembly/engine-settings.ts";
import { InferenceError } from "../core/errors.ts";
import { withinVocabulary } from "../decoder/end-tokens.ts";
import { readModelFolder } from "../decoder/model-folder.ts";
import type { PassTimesReport } from "../engine/health.ts";
import { measurePassTimes } from "../engine/local/measure-pass-times.ts";
import { readDecoderGraph } from "../engine/onnx/graphs/decoder-graph.ts";
import type { DecoderGraph } from "../engine/onnx/graphs/decoder-graph.ts";
import { readGraphFile } from "../engine/onnx/graphs/graph-file.ts";
import type { GraphFile } from "../engine/onnx/graphs/graph-file.ts";
import { checkComputeChoice } from "../engine/onnx/graphs/matmul-compute.ts";
import { createRunner, formOf, openGraph } from "../engine/onnx/open-graph.ts";
import type { GraphForm } from "../engine/onnx/open-graph.ts";
import { byteLength } from "../engine/onnx/ort/tensor.ts";
import { findGpus } from "./gpu.ts";
import type { Gpu } from "./gpu.ts";
import { findToolSupport } from "./tool-support.ts";
import type { ToolSupport } from "./tool-support.ts";

export interface InspectSettings extends Pick<
  EngineSettings,
  "dtype" | "int4Compute" | "threads" | "lanes" | "context"
> {
  /** Whether the model is loaded for that; what its files say is told all the same. */
  readonly measure: boolean;
}

/** What a model is, and what to expect of it on this machine. */
export interface InspectedModel {
  readonly id: string;
  /** As the operator named it. */
  readonly name: string;
  readonly graphName: string;
  readonly file: GraphFile;
  readonly form: GraphForm;
  readonly graph: DecoderGraph;
  readonly bytesPerToken: number;
  readonly maxPositions: number | undefined;
  readonly endTokenIds: readonly number[];
  readonly notes: readonly string[];
  readonly takesChats: boolean;
  readonly tools: ToolSupport;
  readonly machine: Machine;
  readonly threads: { readonly value: number; readonly reason: string };
  readonly size: Size;
  /** What the live cache may take, bytes. */
  readonly budgetBytes: number;
  readonly gpus: readonly Gpu[];
  /** Or why it was not measured. */
  readonly measured: Measured | { readonly problem: string };
}

export interface Measured {
  /** Reading the files, preparing the graph and its first passes; files that were read lately come from memory. */
  readonly loadMs: number;
  readonly passTimes: PassTimesReport;
}

/** @throws InferenceError what is wrong with the model's files, or with what is asked for */
export async function inspectModel(name: string, settings: InspectSettings): Promise<InspectedModel> {
  const { dtype, int4Compute, measure, ...room } = settings;
  const { id, folder, graphPath } = await locateModel({ model: name, dtype });
  const { maxPositions, model, notes, prompts } = await readModelFolder(folder, id);
  const file = readGraph(graphPath);
  checkComputeChoice(graphPath, file, { device: "cpu", int4Compute });
  const graph = readDecoderGraph(file, file.headDim);
  const { planes, kvHeads, headDim, cacheType } = graph;
  const bytesPerToken = planes.length * byteLength(cacheType, [kvHeads, headDim]);
  const ends = withinVocabulary({ ids: model.endTokenIds, notes }, graph.vocabularySize);
  const machine = readMachine();
  const needs = { fileBytes: file.bytes, bytesPerToken, maxPositions, cacheDevice: "cpu" as const };
  const size = chooseSize(room, needs, machine);
  const threads = chooseThreads({ ...room, device: "cpu" }, file.bytes, machine);
  const described = {
    ...{
      id: model.id,
      name,
      graphName: relative(folder, graphPath),
      file,
      form: formOf(file.operators),
      graph,
    },
    ...{
      bytesPerToken,
      maxPositions,
      endTokenIds: ends.ids,
      notes: ends.notes,
      takesChats: prompts.takesChats,
      tools: await findToolSupport(prompts),
    },
    ...{ machine, threads, size, budgetBytes: cacheBudget(file.bytes, machine.memoryBytes) },
    gpus: await findGpus(),
  };
  const measured = measure
    ? await tryToMeasure(graphPath, described, settings)
    : { problem: "--no-measure leaves it unloaded" };
  return { ...described, measured };
}

async function tryToMeasure(
  path: string,
  { file, bytesPerToken, machine, threads, size, budgetBytes }: Omit<InspectedModel, "measured">,
  { int4Compute }: InspectSettings,
): Promise<InspectedModel["measured"]> {
  try {
    checkWeights({ device: "cpu", mapWeights: false }, file.bytes, machine);
    const { lanes, context: capacity } = size;
    if (!fitCache({ lanes, capacity, bytesPerToken }, budgetBytes).fits)
      return { problem: "it does not fit" };
    const started = performance.now();
    const opened = openGraph(path, { device: "cpu", threads: threads.value, int4Compute });
    await using runner = await createRunner(opened, {
      device: "cpu",
      lanes,
      capacity,
      maxRowTokens: choosePrefillChunk(usualEngine, opened.graph),
    });
    const loadMs = performance.now() - started;
    return { loadMs, passTimes: (await measurePassTimes(runner)).report };
  } catch (error) {
    if (error instanceof InferenceError) return { problem: error.message };
    throw error;
  }
}

/** @throws InferenceError when the file cannot be read */
function readGraph(path: string): GraphFile {
  try {
    return readGraphFile(path);
  } catch (error) {
    if (error instanceof InferenceError) throw error;
    throw new InferenceError("engine_failed", `${basename(path)}: ${(error as Error).message}.`, {
      cause: error,
    });
  }
}
