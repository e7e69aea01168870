import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { DriverPeer, MissingPackage } from "./driver-peer.ts";
import type { Peer } from "./peer.ts";

/** One model in one format, as each engine wants its files. */
export interface ModelFiles {
  /** "fp32", "int4" */
  readonly format: string;
  /** ONNX, as onnxruntime-genai's builder writes it: for Metropolis, onnxruntime-genai and the bare loop. */
  readonly onnx: string;
  /** A Hugging Face folder, for torch. */
  readonly hf?: string | undefined;
  /** For llama.cpp. */
  readonly gguf?: string | undefined;
}

/** A peer that is measured where what it needs is there. */
export interface Candidate {
  readonly name: string;
  readonly driver: string;
  readonly model: string | undefined;
  /** The option that names its files. */
  readonly option: string;
}

export const candidatesOf = ({ format, onnx, hf, gguf }: ModelFiles): Candidate[] => [
  { name: "onnxruntime-genai", driver: "genai.py", model: onnx, option: "--model" },
  { name: "llama.cpp", driver: "llama_cpp_cpu.py", model: gguf, option: `--gguf-${format}` },
  { name: "torch", driver: "torch_cpu.py", model: hf, option: `--hf of ${format}` },
  { name: "transformers.js", driver: "transformers-js.ts", model: onnx, option: "--model" },
  { name: "bare loop", driver: "ort_loop.py", model: onnx, option: "--model" },
];

/** @returns the peer, or why there is none and how to come by it */
export async function startCandidate(
  { driver, model, option }: Candidate,
  { venv, threads }: { venv: string; threads: number },
): Promise<Peer | string> {
  if (model === undefined) return `no ${option}`;
  const remedy = `make it with \`scripts/peers.sh ${venv}\``;
  if (!existsSync(venv)) return `no ${venv}; ${remedy}`;
  const file = fileURLToPath(new URL(driver, import.meta.url));
  // What runs this file can run the driver in TypeScript, too.
  const runtime: [string, ...string[]] = driver.endsWith(".py")
    ? [join(venv, "bin", "python")]
    : [process.execPath, ...process.execArgv];
  return DriverPeer.start([...runtime, file, model, String(threads), venv]).catch((error: unknown) => {
    if (error instanceof MissingPackage) return `${error.message}; ${remedy}`;
    throw error;
  });
}
