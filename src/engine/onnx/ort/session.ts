import koffi from "koffi";
import { ort } from "./api.ts";
import type { Pointer } from "./api.ts";
import { DeviceMemory } from "./device-memory.ts";
import type { Device } from "./device-memory.ts";
import { elementTypeOf } from "./element-type.ts";
import type { ElementType } from "./element-type.ts";
import { callAsync, check, create, read } from "./status.ts";
import { IoBinding } from "./io-binding.ts";
import type { WeightFiles } from "./weight-files.ts";

export interface Threading {
  /** Native threads of one run. */
  readonly threads: number;
  /** Whether they spin between a run's operators; they do when left out. Between runs they never do. */
  readonly spinning?: boolean;
}

export interface SessionOptions extends Threading {
  readonly device: Device;
  /** Refuses a graph of which the device cannot run every node, rather than run some on the CPU. */
  readonly isWhole?: boolean;
  /** Weights of files beside the graph; without them the runtime maps the files. */
  readonly weights?: WeightFiles | undefined;
  /** Where the files that the runtime maps are, for a graph that comes as its contents. */
  readonly folder?: string;
}

/** An input or output of a graph. */
export interface GraphValue {
  readonly name: string;
  /** `undefined` for a type that no language model uses. */
  readonly type: ElementType | undefined;
  /** −1 stands for a size that is chosen at run time. */
  readonly shape: readonly number[];
}

/** Log level: the runtime warns about settings that are chosen here on purpose, once or more a session. */
const errors = 3;

/**
 * How long a thread spins before it sleeps, µs: longer than from one operator of a pass to the next, and no longer, since
 * where other work has the cores (the server's own, for one) it is the thread that is waited for whose time is spun away.
 */
const spinUs = 50;

let environment: Pointer | undefined;

/** A loaded graph. One run at a time: the batch is the parallelism. */
export class Session implements Disposable {
  readonly inputs: readonly GraphValue[];
  readonly outputs: readonly GraphValue[];
  readonly device: Device;
  readonly threads: number;
  readonly spinning: boolean;
  readonly #pointer: Pointer;
  #isReleased = false;

  /**
   * @param graph the path of a file, or its contents
   * @throws Error what the runtime says about the graph, the device or the options
   */
  constructor(graph: string | Uint8Array, options: SessionOptions) {
    environment ??= create(ort().CreateEnv, errors, "metropolis");
    const native = create(ort().CreateSessionOptions);
    try {
      configure(native, options);
      this.#pointer =
        typeof graph === "string"
          ? create(ort().CreateSession, environment, graph, native)
          : create(ort().CreateSessionFromArray, environment, graph, graph.byteLength, native);
    } finally {
      ort().ReleaseSessionOptions(native);
    }
    this.device = options.device;
    this.threads = options.threads;
    this.spinning = options.spinning ?? true;
    this.inputs = describe(this.#pointer, "Input");
    this.outputs = describe(this.#pointer, "Output");
  }

  get isReleased(): boolean {
    return this.#isReleased;
  }

  createBinding(): IoBinding {
    return new IoBinding(create(ort().CreateIoBinding, this.#pointer));
  }

  /** Memory where the graph runs, for tensors that need not leave it. Goes before the session. */
  openMemory(): DeviceMemory {
    return new DeviceMemory(this.#pointer, this.device);
  }

  /** Runs the graph on what is bound, off the event loop. Bound tensors must outlive the run. */
  async run(binding: IoBinding): Promise<void> {
    if (this.#isReleased) throw new Error("the session is closed");
    await callAsync(ort().RunWithBinding, this.#pointer, null, binding.pointer);
  }

  /** Runs the graph on this thread: for passes shorter than the way to another one and back. */
  runSync(binding: IoBinding): void {
    if (this.#isReleased) throw new Error("the session is closed");
    check(ort().RunWithBinding(this.#pointer, null, binding.pointer) as Pointer | null);
  }

  [Symbol.dispose](): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    ort().ReleaseSession(this.#pointer);
  }
}

function configure(options: Pointer, settings: SessionOptions): void {
  const { device, threads, spinning = true, isWhole, weights, folder } = settings;
  weights?.addTo(options);
  if (folder !== undefined) setEntry(options, "session.model_external_initializers_file_folder_path", folder);
  check(ort().SetIntraOpNumThreads(options, threads) as Pointer | null);
  // To wake a thread for each operator costs more than the operators of a small pass do (docs/benchmarks.md, peers).
  setEntry(options, "session.intra_op.allow_spinning", spinning ? "1" : "0");
  setEntry(options, "session.intra_op.spin_duration_us", String(spinUs));
  // Threads that spun on after a run would take the cores from JavaScript and from the other sessions' runs.
  setEntry(options, "session.force_spinning_stop", "1");
  if (isWhole === true && device !== "cpu") {
    setEntry(options, "session.disable_cpu_ep_fallback", "1");
  }
  if (device === "webgpu") {
    check(ort().SessionOptionsAppendExecutionProvider(options, "WebGPU", [], [], 0) as Pointer | null);
  }
  if (device === "cuda") appendCuda(options);
}

function setEntry(options: Pointer, key: string, value: string): void {
  check(ort().AddSessionConfigEntry(options, key, value) as Pointer | null);
}

/**
 * Float32 stays float32: TF32, the default, has 10 bits of mantissa, and a chain's weights are sums over whole
 * completions. Memory grows by what is asked for, rather than by doubling: most of it is taken at the start.
 */
const cudaOptions: Readonly<Record<string, string>> = {
  use_tf32: "0",
  arena_extend_strategy: "kSameAsRequested",
};

/** CUDA is older than the call that takes a provider's name, and not known to it. */
function appendCuda(options: Pointer): void {
  const cuda = create(ort().CreateCUDAProviderOptions);
  try {
    const [keys, values] = [Object.keys(cudaOptions), Object.values(cudaOptions)];
    check(ort().UpdateCUDAProviderOptions(cuda, keys, values, keys.length) as Pointer | null);
    check(ort().SessionOptionsAppendExecutionProvider_CUDA_V2(options, cuda) as Pointer | null);
  } finally {
    ort().ReleaseCUDAProviderOptions(cuda);
  }
}

function describe(session: Pointer, side: "Input" | "Output"): GraphValue[] {
  const count = read(ort()[`SessionGet${side}Count`], session);
  return Array.from({ length: count }, (_, index) => {
    const name = nameOf(session, side, index);
    const info = create(ort()[`SessionGet${side}TypeInfo`], session, index);
    try {
      return { name, ...tensorInfo(create(ort().CastTypeInfoToTensorInfo, info)) };
    } finally {
      ort().ReleaseTypeInfo(info);
    }
  });
}

function nameOf(session: Pointer, side: "Input" | "Output", index: number): string {
  const allocator = create(ort().GetAllocatorWithDefaultOptions);
  const name = create(ort()[`SessionGet${side}Name`], session, index, allocator);
  try {
    return koffi.decode(name, "char", -1) as string;
  } finally {
    check(ort().AllocatorFree(allocator, name) as Pointer | null);
  }
}

function tensorInfo(info: Pointer): Omit<GraphValue, "name"> {
  if (info === 0n) return { type: undefined, shape: [] };
  const rank = read(ort().GetDimensionsCount, info);
  const dimensions = new BigInt64Array(rank);
  if (rank > 0) check(ort().GetDimensions(info, dimensions, rank) as Pointer | null);
  return {
    type: elementTypeOf(read(ort().GetTensorElementType, info)),
    shape: Array.from(dimensions, Number),
  };
}
