import { GraphWriter } from "../src/engine/onnx/graphs/graph-writer.ts";
import { Session } from "../src/engine/onnx/ort/session.ts";
import { HostTensor } from "../src/engine/onnx/ort/tensor.ts";
import { writeRandomLinear } from "./random-model.ts";
import type { WeightFormat } from "./random-model.ts";
import { timeMs } from "./report.ts";

const repeats = 9;

/** 256 MiB: far beyond any cache. */
const large = { rows: 4096, columns: 16_384 } as const;

/** The faster of a sum over a large matrix and of its product with a vector, bytes per second. */
export async function measureReading(threads: number): Promise<number> {
  const { rows, columns } = large;
  const sum = new GraphWriter("sum");
  sum.input("in.0", "float32", [rows, columns]);
  sum.integers("axes", [1]);
  sum.node("ReduceSum", ["in.0", "axes"], ["out"], { keepdims: 1 });
  sum.output("out", "float32", [rows, 1]);
  const sumMs = await fastestMs(sum, threads, [rows, columns], [rows, 1]);
  const product = new GraphWriter("product");
  product.input("in.0", "float32", [1, rows]);
  product.input("in.1", "float32", [rows, columns]);
  product.node("MatMul", ["in.0", "in.1"], ["out"]);
  product.output("out", "float32", [1, columns]);
  const productMs = await fastestMs(product, threads, [1, rows], [rows, columns], [1, columns]);
  return (rows * columns * Float32Array.BYTES_PER_ELEMENT * 1000) / Math.min(sumMs, productMs);
}

const productRows = 512;
const productWidth = 2048;

/** The product of many rows with a weight in this format, by the kernel that a model uses; operations per second. */
export async function measureMultiplying(threads: number, format: WeightFormat): Promise<number> {
  const shape = [productWidth, productWidth] as const;
  const graph = new GraphWriter("product");
  graph.input("in.0", "float32", [productRows, productWidth]);
  writeRandomLinear(graph, "in.0", { weight: "weight", output: "out", shape }, format);
  graph.output("out", "float32", [productRows, productWidth]);
  const rows = [productRows, productWidth] as const;
  const ms = await fastestMs(graph, threads, rows, rows);
  return (2 * productRows * productWidth ** 2 * 1000) / ms;
}

type Shape = readonly [rows: number, columns: number];

/**
 * The best run counts: what disturbs a run only makes it slower.
 * @param shapes of the inputs, and of the output
 */
async function fastestMs(graph: GraphWriter, threads: number, ...shapes: Shape[]): Promise<number> {
  using session = new Session(graph.encode(), { device: "cpu", threads });
  using binding = session.createBinding();
  const tensors = shapes.map((shape) => HostTensor.zeros("float32", shape));
  const output = tensors.at(-1)!;
  for (const [index, tensor] of tensors.entries()) {
    tensor.asFloat32().fill(0.5);
    if (tensor !== output) binding.bindInput(`in.${index}`, tensor);
  }
  binding.bindOutput("out", output);
  let fastest = Infinity;
  for (let repeat = 0; repeat < repeats; repeat++) {
    fastest = Math.min(fastest, await timeMs(() => session.run(binding)));
  }
  for (const tensor of tensors) tensor[Symbol.dispose]();
  return fastest;
}
