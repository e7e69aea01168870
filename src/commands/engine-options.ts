import type { Command, Option } from "commander";
import type { EngineServer } from "../assembly/engine-settings.ts";
import { InferenceError } from "../core/errors.ts";
import { dialectNames } from "../engine/remote/dialect.ts";
import type { DialectName } from "../engine/remote/dialect.ts";
import { argument, integerFrom, option } from "./options.ts";
import { readText } from "./text-file.ts";

/** What runs the model: this process, or a server that is spoken to as one of these is. */
export const engineNames = ["onnx", ...dialectNames] as const;

/** What commands are told of a server that runs the model. */
export interface EngineOptions {
  readonly engine: (typeof engineNames)[number];
  readonly engineUrl: string | undefined;
  readonly engineKey: string | undefined;
  readonly engineKeyFile: string | undefined;
  readonly engineModel: string | undefined;
  readonly engineCalls: number;
  readonly engineSessionHeader: string;
  readonly engineWait: number;
}

const usualCalls = 64;

export const engineServerOptions = (): Option[] => [
  option("--engine <name>", "what runs the model: onnx, in this process, or a server elsewhere")
    .choices(engineNames)
    .default("onnx"),
  option("--engine-url <url>", "root of that server, as http://127.0.0.1:8000"),
  option("--engine-key <key>", "key that it wants; better in METROPOLIS_ENGINE_KEY, or in a file"),
  option("--engine-key-file <file>", "file that holds the key"),
  option("--engine-model <name>", "what it calls the model; the one that it has when left out"),
  option("--engine-calls <n>", "calls to it at once").argParser(integerFrom(1, 65_536)).default(usualCalls),
  option("--engine-session-header <name>", "header that names each call's prompt, for routers")
    .argParser(argument(parseHeader))
    .default("x-session-id"),
  option("--engine-wait <seconds>", "how long it may take to start, and to be measured")
    .argParser(integerFrom(1, 86_400))
    .default(60),
];

/** What needs a server that runs the model. */
export const ofServer = [
  "engineUrl",
  "engineKey",
  "engineKeyFile",
  "engineModel",
  "engineCalls",
  "engineSessionHeader",
  "engineWait",
] as const;

/** Names in HTTP; those that calls have anyway would be lost. */
function parseHeader(text: string): string {
  if (!/^[\w!#$%&'*+.^`|~-]+$/.test(text)) throw new Error(`'${text}' is no name of a header`);
  const name = text.toLowerCase();
  if (
    /^(authorization|host|connection|keep-alive|upgrade|expect|te|trailer|transfer-encoding|user-agent|accept-encoding|content-.*)$/.test(
      name,
    )
  )
    throw new Error(`'${text}' is a header of its own`);
  return name;
}

/**
 * The server that is to run the model; `undefined` for this process.
 * @param runsOthers whether this process runs another model beside it, of which its own engine's options are
 * @throws InferenceError naming an option that is missing, or that means nothing with this engine
 */
export async function readEngineServer(
  options: EngineOptions,
  command: Command,
  runsOthers = false,
): Promise<EngineServer | undefined> {
  const { engine, engineUrl, engineModel, engineCalls, engineSessionHeader, engineWait } = options;
  if (engine === "onnx") {
    refuseServerOptions(command);
    return undefined;
  }
  if (!runsOthers) refuseLocalOptions(command, engine);
  if (engineUrl === undefined)
    throw new InferenceError(
      "invalid_request",
      `--engine ${engine} wants --engine-url: where the server is.`,
    );
  return {
    dialect: engine,
    url: engineUrl,
    key: await readKey(options),
    model: engineModel,
    maxCalls: engineCalls,
    sessionHeader: engineSessionHeader,
    waitSeconds: engineWait,
  };
}

async function readKey({ engineKey, engineKeyFile }: EngineOptions): Promise<string | undefined> {
  if (engineKey !== undefined && engineKeyFile !== undefined)
    throw new InferenceError("invalid_request", "--engine-key and --engine-key-file: give one of them.");
  const name = engineKeyFile === undefined ? "--engine-key" : `--engine-key-file: ${engineKeyFile}`;
  const key =
    engineKeyFile === undefined ? engineKey : (await readText(engineKeyFile, "--engine-key-file")).trim();
  // What a header cannot carry; the key itself is not told.
  if (key !== undefined && !/^[\x21-\x7e]+$/.test(key))
    throw new InferenceError("invalid_request", `${name} must be a key in one line, without spaces.`);
  return key;
}

/** A server whose engine was forgotten is not left aside unseen; one that is in the environment of all commands may be. */
function refuseServerOptions(command: Command): void {
  const isChosen = command.getOptionValueSource("engine") !== "default";
  for (const name of ofServer) {
    const source = command.getOptionValueSource(name);
    if (source !== "cli" && (isChosen || source !== "env")) continue;
    throw new InferenceError(
      "invalid_request",
      `${nameOf(command, name)} is about a server elsewhere; give --engine too: ${dialectNames.join(", ")}.`,
    );
  }
}

/** What is set on the server in place of an option of the engine in this process. */
type Remedy = string | Readonly<Record<DialectName, string>>;

const remedies: Readonly<Record<string, Remedy>> = {
  device: "the server runs where it was started",
  dtype: {
    vllm: "set --dtype or --quantization of the server",
    sglang: "set --dtype or --quantization of the server",
    llamacpp: "start the server with a GGUF of that type",
  },
  int4Compute: "the server's kernels have types of their own",
  threads: {
    vllm: "set VLLM_CPU_OMP_THREADS_BIND of the server",
    sglang: "set SGLANG_CPU_OMP_THREADS_BIND of the server",
    llamacpp: "set --threads of the server",
  },
  spinning: "the server's threads are its own",
  mapWeights: {
    vllm: "set --load-format of the server",
    sglang: "set --load-format of the server",
    llamacpp: "set --mmap of the server",
  },
  lanes: {
    vllm: "set --engine-calls here, and --max-num-seqs of the server",
    sglang: "set --engine-calls here, and --max-running-requests of the server",
    llamacpp: "set --engine-calls here, and --parallel of the server",
  },
  context: {
    vllm: "set --max-model-len of the server",
    sglang: "set --context-length of the server",
    llamacpp: "set --ctx-size of the server",
  },
  prefillChunk: {
    vllm: "set --max-num-batched-tokens of the server",
    sglang: "set --chunked-prefill-size of the server",
    llamacpp: "set --ubatch-size of the server",
  },
  maxGapMs: {
    vllm: "set --max-num-batched-tokens of the server",
    sglang: "set --chunked-prefill-size of the server",
    llamacpp: "set --ubatch-size of the server",
  },
  prefixStoreMib: {
    vllm: "its cache is set by --enable-prefix-caching and --gpu-memory-utilization of the server",
    sglang: "its cache is set by --mem-fraction-static of the server",
    llamacpp: "its cache is set by --cache-ram of the server",
  },
  deterministic: {
    vllm: "answers over a server do not repeat to the last bit; VLLM_BATCH_INVARIANT=1 of the server steadies its log-probs",
    sglang:
      "answers over a server do not repeat to the last bit; --enable-deterministic-inference of the server steadies its log-probs",
    llamacpp:
      "answers over a server do not repeat to the last bit; --parallel 1 of the server steadies its log-probs",
  },
  speculation: {
    vllm: "set --speculative-config of the server",
    sglang: "set --speculative-algorithm of the server",
    llamacpp: "the server is to run without a draft model",
  },
};

/** @throws InferenceError naming an option of the engine in this process that was given, and what to do instead */
function refuseLocalOptions(command: Command, engine: DialectName): void {
  for (const [name, remedy] of Object.entries(remedies)) {
    if (!["cli", "env"].includes(command.getOptionValueSource(name) ?? "")) continue;
    const instead = typeof remedy === "string" ? remedy : remedy[engine];
    throw new InferenceError(
      "invalid_request",
      `${nameOf(command, name)} is about a model in this process; with --engine ${engine}, ${instead}.`,
    );
  }
}

/** As it was given: on the command line, or in the environment. */
function nameOf(command: Command, name: string): string {
  const found = command.options.find((one) => one.attributeName() === name);
  const isFromEnvironment = command.getOptionValueSource(name) === "env";
  return (isFromEnvironment ? found?.envVar : found?.long) ?? name;
}

/** Keys that were given on the command line can be read by every user of the machine until its name is written over. */
export function hideKeys(command: Command): void {
  const names = ["engineKey", "apiKey"];
  if (names.some((name) => command.getOptionValueSource(name) === "cli"))
    process.title = `metropolis ${command.name()}`;
}
