/**
 * transformers.js on a folder that onnxruntime-genai's builder wrote; protocol.py says what is spoken here.
 *
 *     node DRIVER MODEL THREADS FOLDER
 *
 * FOLDER is what scripts/peers.sh made. Its node_modules has the package, which is no dependency of ours.
 */
import { existsSync } from "node:fs";
import { copyFile, link, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

interface Tensor {
  tolist(): bigint[][];
}

interface Network {
  generate(options: object): Promise<Tensor>;
}

interface TransformersJs {
  readonly env: { readonly version: string };
  readonly Tensor: new (type: string, data: BigInt64Array | Float32Array, shape: readonly number[]) => Tensor;
  readonly DynamicCache: new (entries: Readonly<Record<string, Tensor>>) => object;
  readonly AutoModelForCausalLM: {
    from_pretrained(folder: string, options: object): Promise<Network>;
  };
}

interface Decoder {
  readonly num_hidden_layers: number;
  readonly num_key_value_heads: number;
  readonly head_size: number;
}

interface GenaiConfig {
  readonly model: {
    readonly decoder: Decoder;
  };
}

interface Question {
  readonly prompts: readonly (readonly number[])[];
  readonly tokens: number;
}

const [model = "", threads, folder = ""] = process.argv.slice(2);
const entry = join(folder, "node_modules/@huggingface/transformers/dist/transformers.node.mjs");
const say = (answer: object): void => {
  process.stdout.write(`${JSON.stringify(answer)}\n`);
};

if (existsSync(entry)) await serve();
else say({ missing: `no ${entry}` });

async function serve(): Promise<void> {
  const library = (await import(pathToFileURL(entry).href)) as TransformersJs;
  const { model: config } = JSON.parse(
    await readFile(join(model, "genai_config.json"), "utf8"),
  ) as GenaiConfig;
  const { decoder } = config;
  const laidOut = await layOut(config);
  const network = await library.AutoModelForCausalLM.from_pretrained(laidOut, {
    dtype: "fp32",
    device: "cpu",
    local_files_only: true,
    session_options: { intraOpNumThreads: Number(threads) },
  });
  await rm(laidOut, { recursive: true });
  say({ engine: `transformers.js ${library.env.version}` });
  for await (const line of createInterface(process.stdin)) {
    const { prompts, tokens } = JSON.parse(line) as Question;
    const shape = [prompts.length, prompts[0]!.length];
    const tensor = (data: readonly number[]): Tensor =>
      new library.Tensor("int64", BigInt64Array.from(data, BigInt), shape);
    const ids = prompts.flat();
    const sequences = await network.generate({
      inputs: tensor(ids),
      attention_mask: tensor(ids.map(() => 1)),
      past_key_values: new library.DynamicCache(emptyCaches(library, decoder, prompts.length)),
      do_sample: false,
      min_new_tokens: tokens,
      max_new_tokens: tokens,
    });
    say({ tokens: sequences.tolist().map((row) => row.slice(shape[1]).map(Number)) });
  }
}

/** It makes them from the shapes in the graph, which has the size of a head by name where the builder is a new one. */
function emptyCaches({ Tensor }: TransformersJs, decoder: Decoder, rows: number): Record<string, Tensor> {
  const shape = [rows, decoder.num_key_value_heads, 0, decoder.head_size];
  const entries: Record<string, Tensor> = {};
  for (let layer = 0; layer < decoder.num_hidden_layers; layer++)
    for (const half of ["key", "value"])
      entries[`past_key_values.${layer}.${half}`] = new Tensor("float32", new Float32Array(), shape);
  return entries;
}

/** The files as it wants them: config.json, and the graph in onnx/. */
async function layOut({ decoder, ...others }: GenaiConfig["model"]): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "metropolis-peer-"));
  await mkdir(join(folder, "onnx"));
  for (const name of await readdir(model)) {
    if (!name.startsWith("model.onnx")) continue;
    const [from, to] = [join(model, name), join(folder, "onnx", name)];
    // No symbolic links: ONNX Runtime refuses weights outside the graph's folder.
    await link(from, to).catch(() => copyFile(from, to));
  }
  const config = { ...others, ...decoder, model_type: "llama" };
  await writeFile(join(folder, "config.json"), JSON.stringify(config));
  return folder;
}
