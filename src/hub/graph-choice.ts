import { InferenceError } from "../core/errors.ts";

/** Weight formats by the file names that model repositories use, the first found the one taken unasked. */
const suffixes = {
  fp32: "",
  q4: "_q4",
  q4f16: "_q4f16",
  q8: "_quantized",
  fp16: "_fp16",
} as const;

export type Dtype = keyof typeof suffixes;
export const dtypes = Object.keys(suffixes) as Dtype[];

/** In the order of preference where a repository has several: the smallest that loses little, first. */
const preference: readonly Dtype[] = ["q4", "q4f16", "fp16", "q8", "fp32"];

const folders = ["", "onnx/"];

const pathsOf = (dtype: Dtype): string[] => folders.map((folder) => `${folder}model${suffixes[dtype]}.onnx`);

/** The formats that a list of files holds. */
export function dtypesAmong(paths: readonly string[]): Dtype[] {
  return dtypes.filter((dtype) => pathsOf(dtype).some((path) => paths.includes(path)));
}

/**
 * The graph to run among a model's files: model.onnx or onnx/model.onnx, with the format's suffix.
 * @param wanted the format; the preferred one there is when left out
 * @throws InferenceError `model_not_found` naming what there is
 */
export function chooseGraph(paths: readonly string[], wanted: Dtype | undefined, model: string): string {
  const there = dtypesAmong(paths);
  const dtype = wanted ?? preference.find((candidate) => there.includes(candidate));
  const path = dtype && pathsOf(dtype).find((candidate) => paths.includes(candidate));
  if (path !== undefined) return path;
  const others = paths.filter((candidate) => candidate.endsWith(".onnx"));
  const found =
    there.length > 0
      ? `it has ${there.join(", ")}; choose one with --dtype`
      : others.length > 0
        ? `it has only ${others.slice(0, 5).join(", ")}; to serve one, give --model a folder that holds it as model.onnx`
        : "there is no ONNX file in it, nor in a folder onnx below it; docs/models.md says how to convert one";
  throw new InferenceError(
    "model_not_found",
    `${model} has no ${wanted === undefined ? "model.onnx or onnx/model.onnx" : `${wanted} graph`}: ${found}.`,
    { param: "model" },
  );
}
