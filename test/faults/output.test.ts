import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, constants, openSync, writeSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { commandPath, runCommand } from "../support/server-process.ts";
import { freePort } from "../support/free-port.ts";

/** Disks fill up, and readers of pipes leave: results are not lost without a word, and a server does not end by it. */

const start = (args: readonly string[], stdout: "pipe" | number, stderr: "pipe" | number = "pipe") =>
  spawn(process.execPath, [commandPath, ...args], { stdio: ["ignore", stdout, stderr] });

describe.runIf(process.platform === "linux")("output that cannot be written", () => {
  it.each(["full", "unread"])("leaves a server alone: %s", async (kind) => {
    const port = await freePort();
    const full = (): number => openSync("/dev/full", "w");
    const args = ["serve", "--port", String(port), "--log-level", "info"];
    const server = kind === "full" ? start(args, full(), full()) : start(args, "pipe");
    server.stdout?.destroy();
    server.stderr?.destroy();
    const exited = once(server, "exit");
    const isHealthy = (): Promise<boolean> =>
      fetch(`http://127.0.0.1:${port}/health`).then(
        ({ ok }) => ok,
        () => false,
      );
    try {
      await expect.poll(async () => server.exitCode !== null || (await isHealthy())).toBe(true);
      // Each request is a line of the log.
      for (let request = 0; request < 20; request++) expect(await isHealthy()).toBe(true);
    } finally {
      server.kill();
    }
    expect(await exited).toEqual([0, null]);
  });

  it("keeps no server waiting: a pipe that is full, and whose reader does not read", async () => {
    const folder = await mkdtemp(join(tmpdir(), "metropolis-pipe-"));
    const path = join(folder, "pipe");
    execFileSync("mkfifo", [path]);
    const pipe = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
    const output = openSync(path, "w");
    const port = await freePort();
    const server = start(["serve", "--port", String(port), "--log-level", "info"], output, output);
    const exited = once(server, "exit");
    const ask = (): Promise<number> => fetch(`http://127.0.0.1:${port}/health`).then(({ status }) => status);
    try {
      await expect.poll(() => ask().catch(() => 0)).toBe(200);
      expect(() => {
        for (;;) writeSync(pipe, "x".repeat(4096));
      }).toThrow("EAGAIN");
      for (let request = 0; request < 20; request++) expect(await ask()).toBe(200);
    } finally {
      server.kill();
    }
    expect(await exited).toEqual([0, null]);
    closeSync(pipe);
    closeSync(output);
    await rm(folder, { recursive: true });
  });

  it("is said by other commands, which end with code 1", async () => {
    const command = start(["doctor"], openSync("/dev/full", "w"));
    let said = "";
    command.stderr!.on("data", (chunk: Buffer) => (said += chunk.toString()));
    const [code] = (await once(command, "close")) as [number];
    expect([code, said]).toEqual([1, expect.stringMatching(/^error: The output cannot be written: ENOSPC/)]);
  });

  it("is said in a line where it is a file that a command writes", async () => {
    const published = "test/fixtures/data-sets/math500.jsonl";
    const { code, output } = await runCommand(["import", "math500", published, "--out", "/dev/full"]);
    expect([code, output]).toEqual([
      1,
      expect.stringMatching(/^error: \/dev\/full cannot be written: no space is left[^\n]*\n$/),
    ]);
  });

  it("ends other commands without a word where a pipe's reader left", async () => {
    const command = start(["doctor"], "pipe");
    command.stdout!.destroy();
    let said = "";
    command.stderr!.on("data", (chunk: Buffer) => (said += chunk.toString()));
    const [code] = (await once(command, "close")) as [number];
    expect([code, said]).toEqual([141, ""]);
  });
});
