import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { passesPython, toProgram } from "../../../src/evaluation/graders/python/passes-python.ts";
import { findPython } from "../../../src/evaluation/graders/python/sandbox.ts";
import type { PythonRuntime } from "../../../src/evaluation/graders/python/sandbox.ts";

// Where this test's programs run, and no other's.
const folder = mkdtempSync(join(tmpdir(), "metropolis-grader-test-"));
const { TMPDIR } = process.env;
beforeAll(() => {
  process.env.TMPDIR = folder;
});
afterAll(() => {
  rmSync(folder, { recursive: true });
  if (TMPDIR === undefined) delete process.env.TMPDIR;
  else process.env.TMPDIR = TMPDIR;
});

const grader = {
  type: "python" as const,
  prompt: 'import math\n\ndef add(a, b):\n    """ a + b """\n',
  test: "def check(candidate):\n    assert candidate(1, 2) == 3\n    assert candidate(0, 0) == 0\n",
  entry_point: "add",
};

const hasPython = ((): boolean => {
  try {
    execFileSync("python3", ["--version"]);
    return true;
  } catch {
    return false;
  }
})();

// Long enough on any machine: a program that is to be ended says so.
const limits = { timeoutMs: 60_000, memoryBytes: 256 << 20 };

/** Command lines of all processes there are. */
const commandLines = (): string =>
  readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "utf8");
      } catch {
        return "";
      }
    })
    .join("\n");

interface Task {
  readonly prompt?: string;
  readonly test?: string;
  readonly timeoutMs?: number;
}

const isLinux = process.platform === "linux";
const noSandbox = (): Promise<undefined> => Promise.resolve(undefined);
const sandbox = hasPython ? await findPython({ allowUnsandboxed: false }).catch(() => undefined) : undefined;
/** Code as it is may run as any user but root. */
const bare =
  hasPython && process.getuid?.() !== 0 ? await findPython({ allowUnsandboxed: true }, noSandbox) : undefined;
const runtimes: [string, PythonRuntime][] = [];
if (sandbox !== undefined) runtimes.push(["in the sandbox", sandbox]);
if (bare !== undefined) runtimes.push(["without a sandbox", bare]);
const body = (...lines: string[]): string => lines.map((line) => `    ${line}\n`).join("");

describe.runIf(isLinux).each(runtimes)("code of a model %s", (_, runtime) => {
  const judge = (text: string, { timeoutMs = limits.timeoutMs, ...task }: Task = {}): Promise<boolean> =>
    passesPython({ ...grader, ...task }, text, runtime, { ...limits, timeoutMs });

  it.each([
    ["that is right", body("return a + b"), true],
    [
      "that ends by itself when no process ends it",
      body("import signal", "assert signal.alarm(9) > 0", "return a + b"),
      true,
    ],
    [
      "that is right, the whole function in a block",
      "Sure:\n```python\ndef add(a, b):\n    return a + b\n```",
      true,
    ],
    [
      "that may write at home",
      body("import os", "open(os.path.expanduser('~/x'), 'w').write('x')", "return a + b"),
      true,
    ],
    ["that is wrong", body("return a - b"), false],
    ["that is no Python", body("return (("), false],
    ["that leaves before it is tested", body("import os", "os._exit(0)"), false],
    ["that leaves without a word", body("import sys", "sys.exit(0)"), false],
    ["that hangs up", body("import os", "os.close(4)", "return a + b"), false],
    [
      "that writes a file without end",
      body("open('x', 'wb').write(b'x' * (1 << 26))", "return a + b"),
      false,
    ],
    ["that takes all memory", body("x = [0] * 10**9", "return a + b"), false],
    ["that talks without end", body("while True: print('x' * 1000)"), false],
    ["that returns without end", body("import itertools", "return itertools.count()"), false],
    [
      "whose result is equal to everything",
      body("class Any:", "    __eq__ = lambda self, other: True", "return Any()"),
      false,
    ],
    [
      "whose number is equal to everything",
      body("class Any(int):", "    __eq__ = lambda self, other: True", "return Any(7)"),
      false,
    ],
    [
      "whose list is equal to everything",
      body("class Any(list):", "    __eq__ = lambda self, other: True", "return Any()"),
      false,
    ],
    [
      "that changes what equality is",
      body("import builtins", "builtins.AssertionError = ValueError", "return a - b"),
      false,
    ],
    [
      "that reads a secret where it runs",
      body("import os, glob", "return sum(len(open(f).read()) for f in glob.glob('*.py'))"),
      false,
    ],
    [
      "that writes the verdict itself",
      body("import os", "[os.write(fd, b'{}\\n') for fd in (1, 4)]", "os._exit(0)"),
      false,
    ],
    ["that leaves by a signal", body("import os", "os.kill(os.getpid(), 9)"), false],
  ])("%s", async (_name, text, passes) => {
    expect(await judge(text)).toBe(passes);
  });

  it.each([
    ["exact whole numbers", "10**5000 + 1", "assert candidate(1, 2) == 10**5000 + 1"],
    [
      "nested values",
      "[(1, 'é', None), {'a': {2.5}}]",
      "assert candidate(1, 2) == [(1, 'é', None), {'a': {2.5}}]",
    ],
    [
      "tuples, which are no lists",
      "(1, 2)",
      "assert candidate(1, 2) == (1, 2) and candidate(1, 2) != [1, 2]",
    ],
    [
      "bytes, complex numbers and ranges",
      "(b'x', 1j, range(3))",
      "assert candidate(1, 2) == (b'x', 1j, range(3))",
    ],
    ["truth, which is no number's type", "True", "assert candidate(1, 2) is True"],
    [
      "what a counter counts",
      "__import__('collections').Counter('aab')",
      "assert candidate(1, 2) == {'a': 2, 'b': 1}",
    ],
    ["what a generator yields", "(x for x in range(3))", "assert list(candidate(1, 2)) == [0, 1, 2]"],
    ["infinity", "float('inf')", "assert candidate(1, 2) == float('inf')"],
  ])("returns %s", async (_name, value, assertion) => {
    const test = `def check(candidate):\n    ${assertion}\n`;
    expect(await judge(body(`return ${value}`), { test })).toBe(true);
    expect(await judge(body("return 'other'"), { test })).toBe(false);
  });

  it("raises what the test waits for", async () => {
    const test = [
      "def check(candidate):",
      ...[
        "try: candidate(1, 2)",
        "except ValueError as error: assert str(error) == 'no'",
        "else: assert False",
      ].map((line) => `    ${line}`),
    ].join("\n");
    expect(await judge(body("raise ValueError('no')"), { test })).toBe(true);
    expect(await judge(body("class Own(ValueError): pass", "raise Own('no')"), { test })).toBe(true);
    expect(await judge(body("raise TypeError('no')"), { test })).toBe(false);
    expect(await judge(body("return 3"), { test })).toBe(false);
  });

  it("changes its arguments where the test sees it", async () => {
    const test = "def check(candidate):\n    a = [2, 1]\n    candidate(a, b=0)\n    assert a == [1, 2]\n";
    expect(await judge(body("a.sort()"), { test })).toBe(true);
    expect(await judge(body("sorted(a)"), { test })).toBe(false);
  });

  it("is awaited where the test awaits it", async () => {
    const test = "import asyncio\ndef check(candidate):\n    assert asyncio.run(candidate(1, 2)) == 3\n";
    expect(await judge("async def add(a, b):\n    return a + b\n", { test })).toBe(true);
  });

  it("stands beside what its prompt defines, which the test may use too", async () => {
    const prompt = `def twice(x):\n    return 2 * x\n\n${grader.prompt}`;
    const test = "def check(candidate):\n    assert candidate(twice(1), 1) == twice(add(1, 0)) + 1\n";
    expect(await judge(body("return twice(a) // 2 + b"), { prompt, test })).toBe(true);
  });

  it("that never ends is killed", async () => {
    const endless = [body("while True: pass"), body("import time", "time.sleep(100)")];
    expect(await Promise.all(endless.map((text) => judge(text, { timeoutMs: 1500 })))).toEqual([
      false,
      false,
    ]);
  });

  it("leaves nothing behind, neither processes nor files", async () => {
    await judge(
      body(
        "import subprocess",
        "subprocess.Popen(['sleep', '98765'], start_new_session=True)",
        "return a + b",
      ),
    );
    await expect.poll(commandLines).not.toContain("98765");
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe.runIf(isLinux && sandbox !== undefined)("the sandbox", () => {
  const judge = (...lines: string[]): Promise<boolean> =>
    passesPython(grader, body(...lines), sandbox!, limits);
  /** Python that asks the kernel, without a process of its own. */
  const libc = "import ctypes, os; libc = ctypes.CDLL(None, use_errno=True)";

  it.each([
    ["reads a file of this user", `assert not os.path.exists(${JSON.stringify(import.meta.filename)})`],
    ["sees a home", "assert os.listdir(os.path.expanduser('~')) == []"],
    ["sees the users of the machine", "assert not os.path.exists('/etc/passwd')"],
    ["sees processes", "assert os.listdir('/proc') == []"],
    ["sees the root it came from", "assert os.listdir('/outside') == []"],
    [
      "sees this process's environment",
      "assert set(os.environ) <= {'PATH', 'HOME', 'TMPDIR', 'LANG', 'LC_CTYPE', 'PWD', 'OLDPWD', 'SHLVL', '_'}",
    ],
    ["reaches a network", "import socket; assert [name for _, name in socket.if_nameindex()] == ['lo']"],
  ])("holds code that %s", async (_, line) => {
    expect(await judge("import os", line, "return a + b")).toBe(true);
  });

  it.each([
    ["writes to the system", "open('/usr/x', 'w')"],
    ["writes to the root", "open('/x', 'w')"],
    ["mounts the system anew", `${libc}; assert libc.mount(None, b'/usr', None, 32 | 4096, None) == 0`],
    [
      "mounts it anew in namespaces of its own",
      `${libc}; assert libc.unshare(0x10020000) == 0 and libc.mount(None, b'/usr', None, 32 | 4096, None) == 0`,
    ],
    ["unmounts it", `${libc}; assert libc.umount2(b'/usr', 2) == 0`],
    ["makes a device", "import os, stat; os.mknod('/tmp/disk', 0o600 | stat.S_IFBLK, os.makedev(8, 0))"],
    ["changes its root", "import os; os.chroot('/tmp')"],
  ])("stops code that %s", async (_, line) => {
    expect(await judge(line, "return a + b")).toBe(false);
  });
});

describe.runIf(hasPython)("where there is no sandbox", () => {
  it("code does not run unless the user allows it", async () => {
    await expect(findPython({ allowUnsandboxed: false }, noSandbox)).rejects.toThrow(
      /--allow-unsandboxed-code/,
    );
  });

  it("it runs as it is, but not as root, which nothing would hold", async () => {
    const run = findPython({ allowUnsandboxed: true }, noSandbox);
    if (process.getuid?.() === 0) await expect(run).rejects.toThrow(/run as another user/);
    else expect((await run).home("/x")).toBe("/x");
  });
});

describe("a program", () => {
  it("goes on from its beginning, or brings the function anew with the beginning's imports", () => {
    expect(toProgram(grader, "    return a\n")).toBe(`${grader.prompt}    return a\n`);
    const anew = toProgram(grader, "def add(a, b):\n    return b\n");
    expect(anew.indexOf("import math")).toBe(0);
    expect(anew.endsWith("def add(a, b):\n    return b\n")).toBe(true);
    const withExample = "```python3\ndef add(a, b):\n    return a\n```\nFor example:\n```\nadd(1, 2)\n```";
    expect(toProgram(grader, withExample).endsWith("def add(a, b):\n    return a\n")).toBe(true);
  });
});
