import type { DecoderShape } from "./export-onnx.ts";
import { weightShapes } from "./model.ts";

export interface Decoder {
  readonly shape: DecoderShape;
  /** By the names that `weightShapes` has, row-major. */
  readonly values: ReadonlyMap<string, Float32Array>;
}

/**
 * The same function of the same tokens with wider heads, most of them zeros: kernels of attention want heads of 32 or
 * 64 at least. Column j of a head's half becomes column j·r, r = headDim/d, which the wider rotation turns by the same
 * angle: θ^{−2jr/headDim} = θ^{−2j/d}. Queries are multiplied by √r, since scores are divided by √headDim now; where r
 * is a power of 4, nothing is rounded.
 * @param headDim a multiple of the present one, d
 * @throws RangeError when it is none
 */
export function widenHeads({ shape, values }: Decoder, headDim: number): Decoder {
  const ratio = headDim / shape.headDim;
  if (!Number.isInteger(ratio)) throw new RangeError(`${headDim} is no multiple of ${shape.headDim}`);
  const widened = new Map<string, Float32Array>();
  for (const [name, dimensions] of weightShapes(shape)) {
    const narrow = values.get(name)!;
    if (name.endsWith(".query"))
      widened.set(name, spread(narrow, { ratio, run: 1, scale: Math.sqrt(ratio) }));
    else if (/\.(key|value)$/.test(name)) widened.set(name, spread(narrow, { ratio, run: 1, scale: 1 }));
    // Its rows are the heads' columns.
    else if (name.endsWith(".output"))
      widened.set(name, spread(narrow, { ratio, run: dimensions[1]!, scale: 1 }));
    else widened.set(name, narrow);
  }
  return { shape: { ...shape, headDim }, values: widened };
}

/** Every run of values, multiplied by `scale`, with ratio − 1 runs of zeros after it. */
function spread(
  values: Float32Array,
  { ratio, run, scale }: { ratio: number; run: number; scale: number },
): Float32Array {
  const wide = new Float32Array(values.length * ratio);
  for (const [index, value] of values.entries())
    wide[Math.floor(index / run) * ratio * run + (index % run)] = value * scale;
  return wide;
}
