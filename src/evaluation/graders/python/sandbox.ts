import { rmdir } from "node:fs/promises";
import { InferenceError } from "../../../core/errors.ts";
import { makeTemporaryFolder } from "../../../files/temporary-folder.ts";
import { runChild } from "../child.ts";

/** Where and how python3 runs. */
export interface PythonRuntime {
  /** The command line of python3, up to its own arguments, for a run that owns this empty folder. */
  readonly command: (folder: string) => readonly string[];
  /** The folder that a program of this run may write to, under the name by which it sees it. */
  readonly home: (folder: string) => string;
}

/**
 * Namespaces for users, mounts, processes, network and IPC, made by util-linux's unshare. The first process is root in
 * them, which it needs to be to mount; --kill-child ends all processes together with unshare.
 */
const namespaces = [
  "unshare",
  ...["--user", "--map-root-user", "--mount", "--pid", "--net", "--ipc", "--fork", "--kill-child"],
];

/**
 * Makes a root in the empty folder $1, shows in it read-only the folders named before `--`, and runs there what follows.
 * Homes, /tmp, /etc and /proc are not there, so that no file of a user can be read, and none at all be written; the
 * program's home is /tmp, in memory. Without capabilities, and without a way to gain any, it cannot undo this.
 */
const enter = `
set -e
root=$1
shift
mount -t tmpfs -o size=16m,mode=755,nosuid,nodev tmpfs "$root"
while [ "$1" != -- ]; do
  if [ -L "$1" ]; then
    ln -s "$(readlink "$1")" "$root$1"
  elif [ -d "$1" ]; then
    mkdir -p "$root$1"
    mount --bind "$1" "$root$1"
    mount -o remount,bind,ro,nosuid "$root$1"
  fi
  shift
done
shift
mkdir "$root/dev" "$root/tmp" "$root/proc" "$root/outside"
mount --rbind /proc "$root/proc" # umount reads it
for device in null zero random urandom; do
  : > "$root/dev/$device"
  mount --bind "/dev/$device" "$root/dev/$device"
done
mount -t tmpfs -o size=16m,mode=1777,nosuid,nodev,noexec tmpfs "$root/tmp"
mount -o remount,ro "$root"
cd "$root"
pivot_root . outside
umount -l /outside
umount -l /proc
cd /tmp
exec setpriv --no-new-privs --bounding-set=-all --inh-caps=-all -- "$@"
`;

/** Where programs and their libraries are; the folders of another python3 come on top. */
const systemFolders = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64"];

const probeLimits = { timeoutMs: 30_000, maxOutputBytes: 1 << 16 };

let sandbox: Promise<PythonRuntime | undefined> | undefined;

/**
 * python3 in the sandbox; where this system grants none (no Linux, no util-linux, a container that forbids namespaces),
 * and the user allows it, as it is.
 * @throws InferenceError `unsupported` where there is no python3, or none that may run
 */
export async function findPython(
  { allowUnsandboxed }: { readonly allowUnsandboxed: boolean },
  findSandbox: () => Promise<PythonRuntime | undefined> = knownSandbox,
): Promise<PythonRuntime> {
  const found = await findSandbox();
  if (found !== undefined) return found;
  if (!allowUnsandboxed) {
    throw unusable(
      "this system grants no sandbox (on Linux: util-linux and user namespaces). Pass --allow-unsandboxed-code if the code may do here what you may",
    );
  }
  // Limits on the number of processes do not bind root.
  if (process.getuid?.() === 0)
    throw unusable("without a sandbox nothing holds root's processes; run as another user");
  const { program } = await locatePython();
  return { command: () => [program], home: (folder) => folder };
}

/** Looked for once. */
function knownSandbox(): Promise<PythonRuntime | undefined> {
  sandbox ??= (async () => {
    const { program, folders } = await locatePython();
    const runtime: PythonRuntime = {
      command: (folder) =>
        namespaces.concat("sh", "-c", enter, "sandbox", folder, ...systemFolders, ...folders, "--", program),
      home: () => "/tmp",
    };
    return (await works(runtime)) ? runtime : undefined;
  })();
  return sandbox;
}

async function works(runtime: PythonRuntime): Promise<boolean> {
  const folder = await makeTemporaryFolder("metropolis-python-");
  try {
    const { code } = await runChild([...runtime.command(folder), "-I", "-c", "pass"], probeLimits);
    return code === 0;
  } catch {
    return false;
  } finally {
    await rmdir(folder);
  }
}

/** The interpreter itself, not a script that finds it, and the folders outside of the system's that it needs. */
async function locatePython(): Promise<{ program: string; folders: readonly string[] }> {
  const source =
    "import sys; print('\\n'.join((sys.executable, sys.prefix, sys.base_prefix, sys.base_exec_prefix)))";
  const { code, output } = await runChild(["python3", "-I", "-c", source], probeLimits).catch(() => ({
    code: null,
    output: "",
  }));
  const [program = "", ...prefixes] = output.trimEnd().split("\n");
  if (code !== 0 || program === "") throw unusable("there is no python3");
  const folders = new Set(
    prefixes.filter((prefix) => !systemFolders.some((known) => isWithin(prefix, known))),
  );
  return { program, folders: [...folders] };
}

const isWithin = (path: string, folder: string): boolean => path === folder || path.startsWith(`${folder}/`);

export const unusable = (why: string): InferenceError =>
  new InferenceError("unsupported", `grader: Python code cannot be judged here: ${why}.`, {
    param: "grader",
  });
