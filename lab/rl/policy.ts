import { grad, jit, numpy as np, tree } from "@jax-js/jax";
import type { Array as JaxArray } from "@jax-js/jax";
import type { TokenIds } from "../../src/core/tokens.ts";
import { initialState, updateWeights } from "../adamw.ts";
import type { AdamState, StepScalars } from "../adamw.ts";
import type { DecoderShape } from "../export-onnx.ts";
import { toWeights, weightShapes } from "../model.ts";
import type { Weights } from "../model.ts";
import { scoreTokens, weighScores } from "./token-scores.ts";

/** A prompt and its response, end token included. */
export interface Sequence {
  readonly prompt: TokenIds;
  readonly response: TokenIds;
}

/** What the policy says of the response tokens of some sequences, one after the other. */
export interface TokenScores {
  /** log π of each token, nats. */
  readonly logProbs: Float64Array;
  /** Shannon entropy of the law each was drawn from, nats. */
  readonly entropies: Float64Array;
}

/** How a loss changes with what `score` reports of each token. */
export interface TokenGradients {
  /** ∂loss/∂log π. */
  readonly logProbs: Float64Array;
  /** ∂loss/∂H. */
  readonly entropies: Float64Array;
}

/** Longest sequence, tokens; and how many go through the decoder at once. One shape, so that jit compiles once. */
export interface ChunkShape {
  readonly rows: number;
  readonly length: number;
}

const adam = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0, clipNorm: 1 };

type Score = (
  weights: Weights,
  chunk: Record<"ids" | "targets", JaxArray>,
) => Record<"logProbs" | "entropies", JaxArray>;
type Accumulate = (
  weights: Weights,
  sum: Weights,
  chunk: Record<"ids" | "targets" | "logProbs" | "entropies", JaxArray>,
) => Weights;
type Update = (
  weights: Weights,
  gradients: Weights,
  state: AdamState,
  scalars: StepScalars,
) => { readonly weights: Weights; readonly state: AdamState; readonly gradientNorm: JaxArray };

/**
 * A decoder that is trained by losses over its own tokens. It knows no loss: whatever one is, its gradient is
 * Σ_i ∂loss/∂log π_i · ∇log π_i + ∂loss/∂H_i · ∇H_i, so the losses can stand outside, in plain double precision, and
 * see all tokens of a minibatch however it is cut into chunks.
 */
export class Policy {
  readonly #shape: DecoderShape;
  readonly #chunk: ChunkShape;
  readonly #score: Score;
  readonly #accumulate: Accumulate;
  readonly #update: Update;
  #weights: Weights;
  #state: AdamState;
  #updates = 0;

  /** `init` of jax-js comes first. */
  constructor(shape: DecoderShape, chunk: ChunkShape, values: ReadonlyMap<string, Float32Array>) {
    this.#shape = shape;
    this.#chunk = chunk;
    this.#weights = toWeights(shape, values);
    this.#state = initialState(this.#weights);
    this.#score = jit((weights: Weights, { ids, targets }: Parameters<Score>[1]) =>
      scoreTokens(shape, weights, ids, targets),
    );
    this.#accumulate = jit((weights: Weights, sum: Weights, chunk: Parameters<Accumulate>[2]) => {
      const gradients = grad((w: Weights) =>
        weighScores(scoreTokens(shape, w, chunk.ids, chunk.targets), chunk),
      )(weights);
      return Object.fromEntries(Object.entries(sum).map(([name, s]) => [name, s.add(gradients[name]!)]));
    });
    this.#update = jit((weights: Weights, gradients: Weights, state: AdamState, scalars: StepScalars) =>
      updateWeights({ weights, gradients, state, scalars }, adam),
    );
  }

  async score(sequences: readonly Sequence[]): Promise<TokenScores> {
    const tokens = countTokens(sequences);
    const scores = { logProbs: new Float64Array(tokens), entropies: new Float64Array(tokens) };
    for (const { ids, targets, places } of this.#chunks(sequences)) {
      const out = this.#score(tree.ref(this.#weights), { ids, targets });
      for (const kind of ["logProbs", "entropies"] as const) {
        const values = (await out[kind].data()) as Float32Array;
        for (const { token, place } of places) scores[kind][token] = values[place]!;
      }
    }
    return scores;
  }

  /** One step down the gradient. @returns its norm before clipping */
  async update(
    sequences: readonly Sequence[],
    gradients: TokenGradients,
    learningRate: number,
  ): Promise<number> {
    let sum: Weights = Object.fromEntries(
      Object.entries(this.#weights).map(([name, weight]) => [name, np.zerosLike(weight.ref)]),
    );
    for (const { ids, targets, places } of this.#chunks(sequences)) {
      const spread = (perToken: Float64Array): JaxArray => {
        const values = new Float32Array(this.#chunk.rows * this.#chunk.length);
        for (const { token, place } of places) values[place] = perToken[token]!;
        return this.#table(values);
      };
      sum = this.#accumulate(tree.ref(this.#weights), sum, {
        ids,
        targets,
        logProbs: spread(gradients.logProbs),
        entropies: spread(gradients.entropies),
      });
    }
    this.#updates++;
    const next = this.#update(this.#weights, sum, this.#state, {
      learningRate: np.array(learningRate),
      correction1: np.array(1 - adam.beta1 ** this.#updates),
      correction2: np.array(1 - adam.beta2 ** this.#updates),
    });
    this.#weights = next.weights;
    this.#state = next.state;
    return Number(await next.gradientNorm.jsAsync());
  }

  async values(): Promise<Map<string, Float32Array>> {
    const values = new Map<string, Float32Array>();
    for (const name of weightShapes(this.#shape).keys())
      values.set(name, (await this.#weights[name]!.ref.data()) as Float32Array);
    return values;
  }

  [Symbol.dispose](): void {
    tree.dispose(this.#weights);
    tree.dispose(this.#state);
  }

  #table(values: Float32Array | Int32Array): JaxArray {
    return np.array(values).reshape([this.#chunk.rows, this.#chunk.length]);
  }

  /** Sequences in chunks of one shape. `places` says where in the chunk each response token is scored. */
  *#chunks(sequences: readonly Sequence[]): Generator<{
    readonly ids: JaxArray;
    readonly targets: JaxArray;
    readonly places: readonly { readonly token: number; readonly place: number }[];
  }> {
    const { rows, length } = this.#chunk;
    let token = 0;
    for (let start = 0; start < sequences.length; start += rows) {
      const ids = new Int32Array(rows * length);
      const targets = new Int32Array(rows * length);
      const places: { token: number; place: number }[] = [];
      for (const [row, { prompt, response }] of sequences.slice(start, start + rows).entries()) {
        const all = [...prompt, ...response];
        if (all.length > length + 1) throw new Error(`a sequence of ${all.length} tokens, not ${length + 1}`);
        ids.set(all.slice(0, -1), row * length);
        targets.set(all.slice(1), row * length);
        for (let t = prompt.length; t < all.length; t++)
          places.push({ token: token++, place: row * length + t - 1 });
      }
      yield { ids: this.#table(ids), targets: this.#table(targets), places };
    }
  }
}

const countTokens = (sequences: readonly Sequence[]): number =>
  sequences.reduce((sum, { response }) => sum + response.length, 0);
