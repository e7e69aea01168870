import type { DecoderShape } from "./export-onnx.ts";
import type { Vocabulary } from "./task.ts";

/** What may be chosen of a decoder; the rest of its shape follows. */
export interface DecoderSize {
  /** Of the residual, columns: a multiple of `headDim`. */
  readonly width: number;
  readonly layers: number;
}

/** 0.34 M parameters: that of the models that come with the package. */
export const usualSize: DecoderSize = { width: 96, layers: 3 };

/** Rotary attention in ONNX Runtime wants heads of a multiple of 16. */
export const headDim = 16;

/** A shape in the proportions of the Llama family: no grouped heads, a gated MLP 8/3 as wide as the residual. */
export function decoderShape(vocabulary: Vocabulary, { width, layers }: DecoderSize): DecoderShape {
  const heads = width / headDim;
  return {
    vocabularySize: vocabulary.size,
    hiddenSize: width,
    layers,
    heads,
    kvHeads: heads,
    headDim,
    intermediateSize: headDim * Math.ceil((8 * width) / 3 / headDim),
    maxPositions: 256,
    ropeTheta: 10_000,
    normEpsilon: 1e-5,
  };
}
