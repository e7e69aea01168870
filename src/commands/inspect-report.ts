import { fitCache, mib } from "../assembly/memory.ts";
import type { CacheSize } from "../assembly/memory.ts";
import type { GraphFile } from "../engine/onnx/graphs/graph-file.ts";
import { hasComputeChoice, matMulCompute } from "../engine/onnx/graphs/matmul-compute.ts";
import type { Int4Compute } from "../engine/onnx/graphs/matmul-compute.ts";
import { formOf } from "../engine/onnx/open-graph.ts";
import type { Gpu } from "./gpu.ts";
import type { InspectedModel, Measured } from "./inspect-model.ts";
import { describeToolSupport } from "./tool-support.ts";

/** The report, as lines of a name and a value. */
export function inspectedRows(
  model: InspectedModel,
  int4Compute: Int4Compute | undefined,
): [string, string][] {
  const { graph, file, size, bytesPerToken, budgetBytes, maxPositions, endTokenIds, threads } = model;
  const { planes, kvHeads, headDim, cacheType, vocabularySize } = graph;
  const cache = { lanes: size.lanes, capacity: size.context, bytesPerToken };
  const fit = fitCache(cache, budgetBytes);
  return [
    ["model", model.id],
    ["graph", `${model.graphName}, ${describeFiles(file)}`],
    [
      "form",
      model.form === "shared"
        ? "shared cache (GroupQueryAttention): rows run as a batch"
        : "cache by Concat: rows run one by one",
    ],
    ["weights", describeWeights(file).join(", ")],
    ["products", describeProducts(model, int4Compute)],
    ...(isQuantized(file)
      ? [
          named(
            "quality",
            `quantized; what that costs: metropolis doctor --model ${model.name} --compare FLOAT_MODEL`,
          ),
        ]
      : []),
    ["attention", describeWindows(file)],
    [
      "cache",
      `${planes.length / 2} layers x ${kvHeads} heads x ${headDim}, ${cacheType}: ${bytesPerToken} bytes a token`,
    ],
    ["vocabulary", String(vocabularySize)],
    ["context", maxPositions === undefined ? "config.json does not say" : `${maxPositions} tokens`],
    ["ends at", endTokenIds.length === 0 ? "no token" : endTokenIds.join(", ")],
    ...model.notes.map((note) => named("", note)),
    ["chat", model.takesChats ? "has a template" : "no template"],
    ["tools", describeToolSupport(model.tools)],
    [
      "memory",
      `${mebibytes(file.bytes)} + ${mebibytes(fit.neededBytes)} for ${size.lanes} lanes x ${size.context} tokens (${size.reason}); ${fit.fits ? "fits" : `too much: ${fit.advice}`}`,
    ],
    ...sizes(model).map(({ lanes, context, bytes, fits }) =>
      named("", `${lanes} x ${context}: ${mebibytes(bytes)}${fits ? "" : ", too much"}`),
    ),
    ["threads", `${threads.value} (${threads.reason})`],
    ...describeMeasured(model),
    ["gpu", describeGpuFit(model.gpus, file.bytes, cache)],
  ];
}

/** The same as data, for programs; sizes in bytes, times in ms. */
export function inspectedJson(model: InspectedModel, int4Compute: Int4Compute | undefined): object {
  const { graph, file, size, bytesPerToken, budgetBytes, maxPositions = null, measured, machine } = model;
  const fit = fitCache({ lanes: size.lanes, capacity: size.context, bytesPerToken }, budgetBytes);
  return {
    model: model.id,
    graph: { file: model.graphName, bytes: file.bytes, missing_files: file.missingFiles },
    form: model.form,
    weights: describeWeights(file),
    quantized: isQuantized(file),
    products: productsOf(model, int4Compute),
    cache: {
      layers: graph.planes.length / 2,
      heads: graph.kvHeads,
      head_size: graph.headDim,
      type: graph.cacheType,
      bytes_per_token: bytesPerToken,
    },
    vocabulary: graph.vocabularySize,
    context: maxPositions,
    end_token_ids: model.endTokenIds,
    notes: model.notes,
    chat: model.takesChats,
    tools: model.tools,
    machine: { cores: machine.cores, cpu_quota: machine.cpuQuota ?? null, memory_bytes: machine.memoryBytes },
    memory: {
      weight_bytes: file.bytes,
      budget_bytes: Math.floor(budgetBytes),
      lanes: size.lanes,
      context: size.context,
      cache_bytes: fit.neededBytes,
      fits: fit.fits,
      reason: fit.fits ? size.reason : fit.advice,
      sizes: sizes(model),
    },
    threads: model.threads,
    expected: "problem" in measured ? { not_measured: measured.problem } : expected(measured),
    gpus: model.gpus.map(({ name, freeBytes, totalBytes }) => ({
      name,
      free_bytes: freeBytes,
      total_bytes: totalBytes,
    })),
  };
}

const named = (name: string, value: string): [string, string] => [name, value];

interface SizeRow {
  readonly lanes: number;
  readonly context: number;
  readonly bytes: number;
  readonly fits: boolean;
}

/** What the live cache takes with other lanes and contexts than those chosen. */
function sizes({ size, maxPositions = size.context, bytesPerToken, budgetBytes }: InspectedModel): SizeRow[] {
  const contexts = [...new Set([Math.min(2048, maxPositions), maxPositions])];
  return [1, 4, 16, 64].flatMap((lanes) =>
    contexts.map((context) => {
      const { neededBytes: bytes, fits } = fitCache({ lanes, capacity: context, bytesPerToken }, budgetBytes);
      return { lanes, context, bytes, fits };
    }),
  );
}

const perSecond = (count: number, ms: number): number => Number(((1000 * count) / ms).toPrecision(3));
const rounded = (ms: number): number => Number(ms.toPrecision(3));

/** What was measured, and what follows of it. */
const expected = ({ loadMs, passTimes: { decode, prefill } }: Measured) => ({
  load_ms: Math.round(loadMs),
  decode: decode.map(({ rows, ms }) => ({ rows, ms: rounded(ms), tokens_per_second: perSecond(rows, ms) })),
  prefill: prefill.map(({ tokens, ms }) => ({
    tokens,
    ms: rounded(ms),
    tokens_per_second: perSecond(tokens, ms),
  })),
});

/** Sizes of passes that are told of; all of them are in the JSON. */
const shownRows: ReadonlySet<number> = new Set([1, 4, 16]);

function describeMeasured({ measured }: InspectedModel): [string, string][] {
  if ("problem" in measured) return [["speed", `not measured: ${measured.problem}`]];
  const { load_ms: loadMs, decode, prefill } = expected(measured);
  const shown = decode.filter(({ rows }, index) => shownRows.has(rows) || index === decode.length - 1);
  const chunk = prefill.at(-1);
  return [
    ["load", `${(loadMs / 1000).toFixed(1)} s`],
    ...shown.map(({ rows, ms, tokens_per_second: rate }, index) =>
      named(index === 0 ? "decode" : "", `${rows} at once: ${ms} ms a pass, ${rate} tokens/s`),
    ),
    named(
      "prompts",
      chunk === undefined
        ? "token by token, as they are decoded"
        : `${chunk.tokens} tokens: ${chunk.ms} ms a pass, ${chunk.tokens_per_second} tokens/s`,
    ),
  ];
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

const describeFiles = ({ bytes, missingFiles }: GraphFile): string =>
  missingFiles.length === 0
    ? `${mebibytes(bytes)} with its weights`
    : `without its weights: ${missingFiles.join(", ")} must stand beside it`;

const mebibytes = (bytes: number): string => `${(bytes / mib).toFixed(1)} MiB`;

/** Bits of quantized matrices, then the element types that hold most of the bytes. */
function describeWeights({ weightBits, weightBytes, operators }: GraphFile): string[] {
  const bits = [...weightBits].sort((a, b) => a - b).map((count) => `${count}-bit blocks`);
  if (operators.has("MatMulInteger") || operators.has("DynamicQuantizeMatMul"))
    bits.push("8-bit, activations too");
  const total = [...weightBytes.values()].reduce((sum, bytes) => sum + bytes, 0);
  const types = [...weightBytes]
    .filter(([, bytes]) => bytes > total / 20)
    .sort(([, a], [, b]) => b - a)
    .map(([type]) => type);
  return [...bits, ...types];
}

/** What products with weights are computed in on the CPU. */
const productsOf = ({ file, graph }: InspectedModel, int4Compute: Int4Compute | undefined) =>
  matMulCompute(file, { device: "cpu", int4Compute }, graph.cacheType === "float16" ? "fp16" : "fp32");

/** The same, and what that does to log-probs. */
function describeProducts(model: InspectedModel, int4Compute: Int4Compute | undefined): string {
  const { file } = model;
  const compute = productsOf(model, int4Compute);
  const stated = int4Compute === undefined && hasComputeChoice(file) ? ", as the file states" : "";
  if (compute !== "int8") return `${compute}${stated}: log-probs repeat but for the rounding of sums`;
  const advice = hasComputeChoice(file) ? "; --int4-compute fp32 steadies them" : "";
  return `int8${stated}: activations are rounded to 8 bits, log-probs of one request differ by tenths of a nat${advice}`;
}

/** Only a comparison tells what that has cost; a file does not say how it was made. */
const isQuantized = ({ weightBits, operators }: GraphFile): boolean =>
  weightBits.size > 0 || operators.has("MatMulInteger") || operators.has("DynamicQuantizeMatMul");

/** GroupQueryAttention states its window; other graphs build it into the mask that they compute. */
const describeWindows = ({ windows, operators }: GraphFile): string =>
  formOf(operators) === "concat"
    ? "by the graph's own mask"
    : windows.size === 0
      ? "full"
      : `sliding windows of ${[...windows].join(", ")} tokens; the cache keeps all`;
