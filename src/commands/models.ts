import { basename, relative } from "node:path";
import { Argument, Command } from "commander";
import { InferenceError } from "../core/errors.ts";
import { withinVocabulary } from "../decoder/end-tokens.ts";
import { readModelFolder } from "../decoder/model-folder.ts";
import { readDecoderGraph } from "../engine/onnx/graphs/decoder-graph.ts";
import type { DecoderGraph } from "../engine/onnx/graphs/decoder-graph.ts";
import { readGraphFile } from "../engine/onnx/graphs/graph-file.ts";
import type { GraphFile } from "../engine/onnx/graphs/graph-file.ts";
import { hasComputeChoice, matMulCompute, checkComputeChoice } from "../engine/onnx/graphs/matmul-compute.ts";
import type { Int4Compute } from "../engine/onnx/graphs/matmul-compute.ts";
import { formOf } from "../engine/onnx/open-graph.ts";
import { byteLength } from "../engine/onnx/ort/tensor.ts";
import { dtypesAmong } from "../hub/graph-choice.ts";
import { filesBelow, HubCache, isModelId } from "../hub/hub-cache.ts";
import { findGpus } from "./gpu.ts";
import type { Gpu } from "./gpu.ts";
import { locateModel } from "../assembly/locate-model.ts";
import { cacheBudget, chooseContext, fitCache, mib } from "../assembly/memory.ts";
import type { CacheSize } from "../assembly/memory.ts";
import { modelOptions, option } from "./options.ts";
import { pull } from "./provide-model.ts";
import type { EngineSettings } from "../assembly/engine-settings.ts";
import { usualEngine } from "../assembly/engine-settings.ts";

/** `metropolis models` */
export function modelsCommand(): Command {
  return new Command("models")
    .description("Models of the Hugging Face hub and on this machine.")
    .addCommand(
      new Command("pull")
        .description(
          "Bring a model into the Hugging Face cache. Goes on where an earlier pull stopped; HF_TOKEN opens gated models.",
        )
        .argument("<id>", "such as onnx-community/Qwen2.5-0.5B-Instruct")
        .addOption(modelOptions.dtype())
        .addOption(option("--revision <name>", "branch, tag or commit").default("main"))
        .action(pullAction),
    )
    .addCommand(
      new Command("list").description("List the models in the Hugging Face cache.").action(listAction),
    )
    .addCommand(
      new Command("inspect")
        .description("Say what a model is and what it needs, without loading it.")
        .addArgument(
          new Argument("[model]", "folder, or id of a model in the cache").default(
            usualEngine.model,
            "the embedded abacus",
          ),
        )
        .addOption(modelOptions.dtype())
        .addOption(modelOptions.int4Compute())
        .addOption(modelOptions.lanes())
        .addOption(modelOptions.context())
        .action(inspectAction),
    );
}

async function pullAction(id: string, { dtype, revision }: PullSettings): Promise<void> {
  if (!isModelId(id)) {
    throw new InferenceError("invalid_request", `${id} is no model id; one reads ORGANISATION/NAME.`);
  }
  console.log(await pull(id, dtype, revision));
}

interface PullSettings extends Pick<EngineSettings, "dtype"> {
  readonly revision: string;
}

async function listAction(): Promise<void> {
  const cache = new HubCache(process.env);
  let count = 0;
  for (const { id, commit, folder, revisions } of await cache.snapshots()) {
    const formats = dtypesAmong(await filesBelow(folder));
    if (formats.length === 0) continue;
    console.log(
      `${id.padEnd(48)} ${formats.join(",").padEnd(16)} ${commit.slice(0, 8)} ${revisions.join(",")}`.trimEnd(),
    );
    count++;
  }
  if (count === 0) console.log(`no models in ${cache.root}; bring one with: metropolis models pull ID`);
}

type InspectSettings = Pick<EngineSettings, "dtype" | "int4Compute" | "lanes" | "context">;

async function inspectAction(
  model: string,
  { dtype, int4Compute, lanes, context }: InspectSettings,
): Promise<void> {
  const { id, folder, graphPath } = await locateModel({ model, dtype });
  const { maxPositions, model: info, notes, prompts } = await readModelFolder(folder, id);
  const file = readGraph(graphPath);
  checkComputeChoice(graphPath, file, { device: "cpu", int4Compute });
  const graph = readDecoderGraph(file, file.headDim);
  const { planes, kvHeads, headDim, cacheType, vocabularySize } = graph;
  const bytesPerToken = planes.length * byteLength(cacheType, [kvHeads, headDim]);
  const ends = withinVocabulary({ ids: info.endTokenIds, notes }, vocabularySize);
  const capacity = chooseContext(context, maxPositions);
  const size = { lanes, capacity, bytesPerToken };
  const fit = fitCache(size, cacheBudget(file.bytes));
  const rows: [string, string][] = [
    ["model", info.id],
    ["graph", `${relative(folder, graphPath)}, ${describeFiles(file)}`],
    [
      "form",
      formOf(file.operators) === "shared"
        ? "shared cache (GroupQueryAttention): rows run as a batch"
        : "cache by Concat: rows run one by one",
    ],
    ["weights", describeWeights(file)],
    ["products", describeProducts(file, graph, int4Compute)],
    ...describeQuality(file, model).map((text): [string, string] => ["quality", text]),
    ["attention", describeWindows(file)],
    [
      "cache",
      `${planes.length / 2} layers x ${kvHeads} heads x ${headDim}, ${cacheType}: ${bytesPerToken} bytes a token`,
    ],
    ["vocabulary", String(vocabularySize)],
    ["context", maxPositions === undefined ? "config.json does not say" : `${maxPositions} tokens`],
    ["ends at", ends.ids.length === 0 ? "no token" : ends.ids.join(", ")],
    ...ends.notes.map((note): [string, string] => ["", note]),
    ["chat", prompts.takesChats ? "has a template" : "no template"],
    [
      "memory",
      `${mebibytes(file.bytes)} + ${mebibytes(fit.neededBytes)} for ${lanes} lanes x ${capacity} tokens; ${fit.fits ? "fits" : `too much: ${fit.advice}`}`,
    ],
    ["gpu", describeGpuFit(await findGpus(), file.bytes, size)],
  ];
  for (const [name, value] of rows) console.log(`${name.padEnd(12)}${value}`);
}

function describeGpuFit(gpus: readonly Gpu[], weightBytes: number, size: CacheSize): string {
  if (gpus.length === 0) return "nvidia-smi finds none; a device needs as much memory of its own";
  return gpus
    .map(({ name, freeBytes }) => {
      const { fits, advice } = fitCache(size, Math.max(0, freeBytes - weightBytes));
      return `${name}, ${mebibytes(freeBytes)} free: ${fits ? "fits" : `too much: ${advice}`}`;
    })
    .join("; ");
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

const describeFiles = ({ bytes, missingFiles }: GraphFile): string =>
  missingFiles.length === 0
    ? `${mebibytes(bytes)} with its weights`
    : `without its weights: ${missingFiles.join(", ")} must stand beside it`;

const mebibytes = (bytes: number): string => `${(bytes / mib).toFixed(1)} MiB`;

/** Bits of quantized matrices, then the element types that hold most of the bytes. */
function describeWeights({ weightBits, weightBytes, operators }: GraphFile): string {
  const bits = [...weightBits].sort((a, b) => a - b).map((count) => `${count}-bit blocks`);
  if (operators.has("MatMulInteger") || operators.has("DynamicQuantizeMatMul"))
    bits.push("8-bit, activations too");
  const total = [...weightBytes.values()].reduce((sum, bytes) => sum + bytes, 0);
  const types = [...weightBytes]
    .filter(([, bytes]) => bytes > total / 20)
    .sort(([, a], [, b]) => b - a)
    .map(([type]) => type);
  return [...bits, ...types].join(", ");
}

/** What products with weights are computed in on the CPU, and what that does to log-probs. */
function describeProducts(
  file: GraphFile,
  { cacheType }: Pick<DecoderGraph, "cacheType">,
  int4Compute: Int4Compute | undefined,
): string {
  const float = cacheType === "float16" ? "fp16" : "fp32";
  const compute = matMulCompute(file, { device: "cpu", int4Compute }, float);
  const stated = int4Compute === undefined && hasComputeChoice(file) ? ", as the file states" : "";
  if (compute !== "int8") return `${compute}${stated}: log-probs repeat but for the rounding of sums`;
  const advice = hasComputeChoice(file) ? "; --int4-compute fp32 steadies them" : "";
  return `int8${stated}: activations are rounded to 8 bits, log-probs of one request differ by tenths of a nat${advice}`;
}

/** What quantized weights may have cost. Only a comparison tells; a file does not say how it was made. */
const describeQuality = ({ weightBits, operators }: GraphFile, model: string): string[] =>
  weightBits.size === 0 && !operators.has("MatMulInteger") && !operators.has("DynamicQuantizeMatMul")
    ? []
    : [`quantized; what that costs: metropolis doctor --model ${model} --compare FLOAT_MODEL`];

/** GroupQueryAttention states its window; other graphs build it into the mask that they compute. */
const describeWindows = ({ windows, operators }: GraphFile): string =>
  formOf(operators) === "concat"
    ? "by the graph's own mask"
    : windows.size === 0
      ? "full"
      : `sliding windows of ${[...windows].join(", ")} tokens; the cache keeps all`;
