import type { DecoderShape } from "../../../lab/export-onnx.ts";

type Values = ReadonlyMap<string, ArrayLike<number>>;

/** x [rows, inputs] times w [inputs, outputs], in double precision. */
function multiply(x: readonly number[][], w: ArrayLike<number>, outputs: number): number[][] {
  return x.map((row) =>
    Array.from({ length: outputs }, (_, out) =>
      row.reduce((sum, value, index) => sum + value * w[index * outputs + out]!, 0),
    ),
  );
}

function normalise(x: readonly number[][], weight: ArrayLike<number>, epsilon: number): number[][] {
  return x.map((row) => {
    const scale = 1 / Math.sqrt(row.reduce((sum, value) => sum + value * value, 0) / row.length + epsilon);
    return row.map((value, index) => value * scale * weight[index]!);
  });
}

/** The decoder in plain loops and doubles: logits [length, vocabulary] of one sequence. */
export function referenceLogits(shape: DecoderShape, values: Values, ids: readonly number[]): number[][] {
  const { hiddenSize, heads, headDim, intermediateSize, vocabularySize, normEpsilon, ropeTheta } = shape;
  const weight = (name: string): ArrayLike<number> => values.get(name)!;
  const half = headDim / 2;
  const rotate = (row: readonly number[], position: number): number[] =>
    row.map((value, index) => {
      const head = Math.floor(index / headDim) * headDim;
      const within = index % headDim;
      const angle = position * ropeTheta ** ((-2 * (within % half)) / headDim);
      const partner = within < half ? -row[head + within + half]! : row[head + within - half]!;
      return value * Math.cos(angle) + partner * Math.sin(angle);
    });
  let hidden = ids.map((id) =>
    Array.from({ length: hiddenSize }, (_, index) => weight("embedding")[id * hiddenSize + index]!),
  );
  for (let layer = 0; layer < shape.layers; layer++) {
    const of = (part: string): ArrayLike<number> => weight(`layers.${layer}.${part}`);
    const normed = normalise(hidden, of("attentionNorm"), normEpsilon);
    const size = heads * headDim;
    const query = multiply(normed, of("query"), size).map(rotate);
    const key = multiply(normed, of("key"), size).map(rotate);
    const value = multiply(normed, of("value"), size);
    const attended = query.map((q, t) =>
      Array.from({ length: size }, (_, index) => {
        const head = Math.floor(index / headDim) * headDim;
        const scores = key.slice(0, t + 1).map((k) => {
          let dot = 0;
          for (let d = 0; d < headDim; d++) dot += q[head + d]! * k[head + d]!;
          return Math.exp(dot / Math.sqrt(headDim));
        });
        const total = scores.reduce((sum, score) => sum + score, 0);
        return scores.reduce((sum, score, s) => sum + (score / total) * value[s]![index]!, 0);
      }),
    );
    const add = (a: number[][], b: number[][]): number[][] =>
      a.map((row, t) => row.map((x, index) => x + b[t]![index]!));
    hidden = add(hidden, multiply(attended, of("output"), hiddenSize));
    const input = normalise(hidden, of("mlpNorm"), normEpsilon);
    const up = multiply(input, of("up"), intermediateSize);
    const gated = multiply(input, of("gate"), intermediateSize).map((row, t) =>
      row.map((x, index) => (x / (1 + Math.exp(-x))) * up[t]![index]!),
    );
    hidden = add(hidden, multiply(gated, of("down"), hiddenSize));
  }
  return multiply(normalise(hidden, weight("finalNorm"), normEpsilon), weight("head"), vocabularySize);
}

/** Mean −log p of the masked targets. */
export function referenceLoss(
  shape: DecoderShape,
  values: Values,
  rows: readonly { ids: readonly number[]; targets: readonly number[]; mask: readonly number[] }[],
): number {
  let loss = 0;
  let count = 0;
  for (const { ids, targets, mask } of rows) {
    for (const [t, logits] of referenceLogits(shape, values, ids).entries()) {
      if (mask[t] === 0) continue;
      loss += Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit), 0)) - logits[targets[t]!]!;
      count++;
    }
  }
  return loss / count;
}
