import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { InferenceError } from "../core/errors.ts";

/** Devices whose provider the runtime's package leaves out, for its size. */
export const installableDevices = ["cuda"] as const;
export type InstallableDevice = (typeof installableDevices)[number];

/** What the runtime's own script is asked for. */
const manifests: Readonly<Record<InstallableDevice, string>> = { cuda: "cuda12" };

/**
 * Has the runtime's own script fetch a provider, into its package.
 * @param runtime the folder of the onnxruntime-node package
 * @throws InferenceError where there is none for this platform, or it could not be fetched
 */
export async function installProvider(
  device: InstallableDevice,
  runtime: string,
  { platform, arch }: Pick<NodeJS.Process, "platform" | "arch"> = process,
): Promise<void> {
  if (platform !== "linux" || arch !== "x64") {
    const message = `There is a provider for ${device} on linux-x64 alone, and this is ${platform}-${arch}.`;
    throw new InferenceError("unsupported", message);
  }
  const script = join(runtime, "script", "install.js");
  const child = spawn(process.execPath, [script], {
    cwd: runtime,
    env: { ...process.env, ONNXRUNTIME_NODE_INSTALL: manifests[device] },
    stdio: ["ignore", "inherit", "inherit"],
  });
  const [code, signal] = (await once(child, "exit")) as [number | null, NodeJS.Signals | null];
  if (code === 0) {
    console.log(`The provider for ${device} is in ${runtime}. Try it: metropolis doctor --device ${device}`);
    return;
  }
  const message = `The provider for ${device} could not be fetched: ${script} ended by ${signal ?? `code ${code}`}. It comes from NuGet, over HTTPS; a proxy is named by GLOBAL_AGENT_HTTPS_PROXY. ${runtime} has to be writable.`;
  throw new InferenceError("engine_failed", message);
}
