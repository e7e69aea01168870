import koffi from "koffi";
import type { KoffiFunc, LibraryHandle } from "koffi";
import { InferenceError } from "../../../core/errors.ts";
import { loadLibrary } from "./library.ts";

/** An address of a native object; 0n is null. */
export type Pointer = bigint;

export type NativeFunction = KoffiFunc<(...args: unknown[]) => unknown>;

/**
 * The functions used, with their slot in struct OrtApi and their prototype (onnxruntime_c_api.h, API version 22;
 * slots are only ever appended). All but the releases and clears return an OrtStatus, null for success.
 */
const prototypes = {
  GetErrorMessage: [2, "const char *(void *status)"],
  CreateEnv: [3, "void *(int severity, const char *id, _Out_ void **env)"],
  // Paths are wide characters on Windows alone.
  CreateSession: [
    7,
    process.platform === "win32"
      ? "void *(void *env, const char16_t *path, void *options, _Out_ void **session)"
      : "void *(void *env, const char *path, void *options, _Out_ void **session)",
  ],
  CreateSessionFromArray: [
    8,
    "void *(void *env, const void *bytes, size_t length, void *options, _Out_ void **session)",
  ],
  CreateSessionOptions: [10, "void *(_Out_ void **options)"],
  SetIntraOpNumThreads: [24, "void *(void *options, int threads)"],
  SessionGetInputCount: [30, "void *(void *session, _Out_ size_t *count)"],
  SessionGetOutputCount: [31, "void *(void *session, _Out_ size_t *count)"],
  SessionGetInputTypeInfo: [33, "void *(void *session, size_t index, _Out_ void **info)"],
  SessionGetOutputTypeInfo: [34, "void *(void *session, size_t index, _Out_ void **info)"],
  SessionGetInputName: [36, "void *(void *session, size_t index, void *allocator, _Out_ void **name)"],
  SessionGetOutputName: [37, "void *(void *session, size_t index, void *allocator, _Out_ void **name)"],
  CreateTensorAsOrtValue: [
    48,
    "void *(void *allocator, int64_t *shape, size_t rank, int type, _Out_ void **value)",
  ],
  CreateTensorWithDataAsOrtValue: [
    49,
    "void *(void *info, void *data, size_t bytes, int64_t *shape, size_t rank, int type, _Out_ void **value)",
  ],
  GetTensorMutableData: [51, "void *(void *value, _Out_ void **data)"],
  CastTypeInfoToTensorInfo: [55, "void *(void *type, _Out_ void **tensor)"],
  GetTensorElementType: [60, "void *(void *tensor, _Out_ int *type)"],
  GetDimensionsCount: [61, "void *(void *tensor, _Out_ size_t *count)"],
  GetDimensions: [62, "void *(void *tensor, _Out_ int64_t *dimensions, size_t count)"],
  CreateMemoryInfo: [68, "void *(const char *name, int allocator, int id, int type, _Out_ void **info)"],
  CreateCpuMemoryInfo: [69, "void *(int allocator, int type, _Out_ void **info)"],
  MemoryInfoGetName: [71, "void *(void *info, _Out_ const char **name)"],
  AllocatorAlloc: [75, "void *(void *allocator, size_t bytes, _Out_ void **memory)"],
  AllocatorFree: [76, "void *(void *allocator, void *memory)"],
  GetAllocatorWithDefaultOptions: [78, "void *(_Out_ void **allocator)"],
  ReleaseStatus: [93, "void (void *status)"],
  ReleaseMemoryInfo: [94, "void (void *info)"],
  ReleaseSession: [95, "void (void *session)"],
  ReleaseValue: [96, "void (void *value)"],
  ReleaseTypeInfo: [98, "void (void *info)"],
  ReleaseSessionOptions: [100, "void (void *options)"],
  GetAvailableProviders: [125, "void *(_Out_ void **names, _Out_ int *count)"],
  ReleaseAvailableProviders: [126, "void *(void *names, int count)"],
  AddSessionConfigEntry: [130, "void *(void *options, const char *key, const char *value)"],
  CreateAllocator: [131, "void *(void *session, void *info, _Out_ void **allocator)"],
  ReleaseAllocator: [132, "void (void *allocator)"],
  RunWithBinding: [133, "void *(void *session, void *options, void *binding)"],
  CreateIoBinding: [134, "void *(void *session, _Out_ void **binding)"],
  ReleaseIoBinding: [135, "void (void *binding)"],
  BindInput: [136, "void *(void *binding, const char *name, void *value)"],
  BindOutput: [137, "void *(void *binding, const char *name, void *value)"],
  ClearBoundInputs: [141, "void (void *binding)"],
  ClearBoundOutputs: [142, "void (void *binding)"],
  GetTensorMemoryInfo: [194, "void *(void *value, _Out_ void **info)"],
  SessionOptionsAppendExecutionProvider_CUDA_V2: [204, "void *(void *options, void *cuda)"],
  CreateCUDAProviderOptions: [205, "void *(_Out_ void **cuda)"],
  UpdateCUDAProviderOptions: [
    206,
    "void *(void *cuda, const char **keys, const char **values, size_t count)",
  ],
  ReleaseCUDAProviderOptions: [208, "void (void *cuda)"],
  SessionOptionsAppendExecutionProvider: [
    216,
    "void *(void *options, const char *name, const char **keys, const char **values, size_t count)",
  ],
  // Names of files are paths.
  AddExternalInitializersFromFilesInMemory: [
    279,
    process.platform === "win32"
      ? "void *(void *options, const char16_t **names, void **files, size_t *bytes, size_t count)"
      : "void *(void *options, const char **names, void **files, size_t *bytes, size_t count)",
  ],
} as const satisfies Record<string, readonly [slot: number, prototype: string]>;

type FunctionName = keyof typeof prototypes;

/** The oldest header with all of the above. Newer runtimes serve it unchanged. */
const apiVersion = 22;

export type OrtApi = Readonly<Record<FunctionName, NativeFunction>>;

// The library is held as long as its functions: koffi unloads a library whose handle is collected.
let loaded: { readonly library: LibraryHandle; readonly api: OrtApi; readonly version: string } | undefined;

/** ONNX Runtime's C API; loaded at the first call. */
export function ort(): OrtApi {
  return load().api;
}

/** The library's own version, such as 1.30.0. */
export function runtimeVersion(): string {
  return load().version;
}

function load(): NonNullable<typeof loaded> {
  if (loaded === undefined) {
    const library = loadLibrary();
    const base = library.func("void *OrtGetApiBase()")() as Pointer;
    loaded = { library, api: readApi(base), version: readVersion(base) };
  }
  return loaded;
}

/** OrtApiBase is { GetApi, GetVersionString }. */
function readVersion(base: Pointer): string {
  const address = koffi.decode(base, koffi.sizeof("void *"), "void *") as Pointer;
  const getVersion = koffi.decode(address, koffi.proto("const char *()")) as () => string;
  return getVersion();
}

function readApi(base: Pointer): OrtApi {
  const getApi = koffi.decode(
    koffi.decode(base, 0, "void *") as Pointer,
    koffi.proto("void *(uint32_t version)"),
  ) as (version: number) => Pointer | null;
  const table = getApi(apiVersion);
  if (table === null || table === 0n) {
    throw new InferenceError(
      "engine_failed",
      `The ONNX Runtime found does not serve API version ${apiVersion}.`,
    );
  }
  const slotBytes = koffi.sizeof("void *");
  const entries = Object.entries(prototypes).map(([name, [slot, prototype]]) => {
    const address = koffi.decode(table, slot * slotBytes, "void *") as Pointer;
    return [name, koffi.decode(address, koffi.proto(prototype))] as const;
  });
  return Object.fromEntries(entries) as unknown as OrtApi;
}
