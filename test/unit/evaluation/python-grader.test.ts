import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { passesPython, toProgram } from "../../../src/evaluation/graders/python.ts";

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
const judge = (text: string, timeoutMs = limits.timeoutMs): Promise<boolean> =>
  passesPython(grader, text, { ...limits, timeoutMs });

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

describe.runIf(hasPython && process.platform === "linux")("code of a model", () => {
  it.each([
    ["that is right", "    return a + b\n", true],
    [
      "that ends by itself when nobody ends it",
      "    import signal\n    assert signal.alarm(9) > 0\n    return a + b\n",
      true,
    ],
    [
      "that is right, the whole function in a block",
      "Sure:\n```python\ndef add(a, b):\n    return a + b\n```",
      true,
    ],
    ["that is wrong", "    return a - b\n", false],
    ["that is no Python", "    return ((\n", false],
    ["that leaves before it is tested", "    import os\n    os._exit(0)\n", false],
    [
      "that writes a file without end",
      "    open('x', 'wb').write(b'x' * (1 << 26))\n    return a + b\n",
      false,
    ],
    ["that takes all memory", "    x = [0] * 10**9\n    return a + b\n", false],
    ["that talks without end", "    while True: print('x' * 1000)\n", false],
  ])("%s", async (_, text, passes) => {
    expect(await judge(text)).toBe(passes);
  });

  it("that never ends is killed", async () => {
    const endless = ["    while True: pass\n", "    import time\n    time.sleep(100)\n"];
    expect(await Promise.all(endless.map((text) => judge(text, 1500)))).toEqual([false, false]);
  });

  it("leaves nothing behind, neither processes nor files", async () => {
    const orphan =
      "    import subprocess\n    subprocess.Popen(['sleep', '98765'], start_new_session=True)\n    return a + b\n";
    await judge(orphan);
    await expect.poll(commandLines).not.toContain("98765");
    expect(readdirSync(folder)).toEqual([]);
  });

  it("is not run as root where nothing would hold it", async () => {
    const run = passesPython(grader, "    return a + b\n", limits, () => Promise.resolve([]));
    if (process.getuid?.() === 0) await expect(run).rejects.toThrow(/run as another user/);
    else expect(await run).toBe(true);
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
