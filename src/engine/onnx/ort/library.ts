import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import koffi from "koffi";
import type { LibraryHandle } from "koffi";
import { InferenceError } from "../../../core/errors.ts";

const fileNames: Partial<Record<NodeJS.Platform, string>> = {
  linux: "libonnxruntime.so.1",
  darwin: "libonnxruntime.1.dylib",
  win32: "onnxruntime.dll",
};

/** The runtime that the onnxruntime-node package brings along. */
export function loadLibrary(): LibraryHandle {
  const path = libraryPath();
  if (path === undefined) {
    throw new InferenceError(
      "engine_failed",
      `onnxruntime-node has no ONNX Runtime for ${process.platform}-${process.arch}. Linux, macOS and Windows on x64 and arm64 are supported.`,
    );
  }
  // Calls run on a stack of koffi's own; the default is too small for the runtime's kernels.
  koffi.config({ ...koffi.config(), async_stack_size: 4 * 1024 * 1024 });
  return koffi.load(path);
}

/** Where the onnxruntime-node package is. */
export const runtimePackage = (): string =>
  dirname(createRequire(import.meta.url).resolve("onnxruntime-node/package.json"));

function libraryPath(): string | undefined {
  const name = fileNames[process.platform];
  if (name === undefined) return undefined;
  const path = join(runtimePackage(), "bin", "napi-v6", process.platform, process.arch, name);
  return existsSync(path) ? path : undefined;
}
