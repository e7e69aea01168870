import { spawn } from "node:child_process";
import { on, once } from "node:events";
import { existsSync } from "node:fs";
import { text } from "node:stream/consumers";
import { describe, expect, it } from "vitest";
import { MetropolisClient } from "../../src/client/client.ts";
import type { WatchEvent } from "../../src/client/client.ts";
import { servedAbacus } from "../support/fake-servers/abacus.ts";
import { FakeVllm } from "../support/fake-servers/vllm.ts";
import { ServerProcess, commandPath, runCommand } from "../support/server-process.ts";

const prompt = "7-2*3+4=";
const bold = ["--seed", "3", "--proposal-temperature", "1"];

const parseLines = (output: string): WatchEvent[] => {
  expect(output.endsWith("\n")).toBe(true);
  return output
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as WatchEvent);
};

/** For programs: what it says and what it complains of are apart. */
function startJson(...args: string[]) {
  const child = spawn(process.execPath, [commandPath, "watch", prompt, "--json", ...args]);
  const exit = once(child, "exit") as Promise<[number | null]>;
  return { child, exit, errors: text(child.stderr) };
}

/** In a terminal, of what util-linux's `script` makes one. */
const hasTerminal = existsSync("/usr/bin/script");
function startInTerminal(env: NodeJS.ProcessEnv, ...args: string[]) {
  const command = [process.execPath, commandPath, "watch", `"${prompt}"`, ...args].join(" ");
  const child = spawn("script", ["-qefc", command, "/dev/null"], { env: { ...process.env, ...env } });
  return { child, exit: once(child, "exit") as Promise<[number | null]>, output: text(child.stdout) };
}

describe.skipIf(!hasTerminal)("metropolis watch in a terminal", () => {
  it("draws in place, and on Ctrl-C leaves the shell a line of its own", async () => {
    const { child, exit, output } = startInTerminal({ TERM: "xterm" }, ...bold, "--pace", "1");
    for await (const [data] of on(child.stdout, "data", { close: ["end"] }) as AsyncIterable<[Buffer]>)
      if (data.includes("block 1/")) break;
    child.stdin.write("\u0003");
    expect((await exit)[0]).toBe(130);
    const screen = await output;
    expect(screen).toContain("\u001b[0J");
    expect(screen.endsWith("\r\n\r\n")).toBe(true);
  });

  it("writes lines to one that cannot be drawn on", async () => {
    const { exit, output } = startInTerminal({ TERM: "dumb" }, ...bold);
    const screen = await output;
    expect(screen).toMatch(/^block 1 step 0 {2}log p /m);
    expect(screen).not.toContain("\u001b");
    expect((await exit)[0]).toBe(0);
  });
});

describe("metropolis watch --json", () => {
  it("writes the events of the WebSocket, one a line", async () => {
    await using server = await ServerProcess.start();
    const { child, exit, errors } = startJson("--url", server.url, ...bold);
    const events = parseLines(await text(child.stdout));
    expect(await exit).toEqual([0, null]);
    expect(await errors).toBe("");
    const same = { prompt, seed: 3, sampler: "power", proposal_temperature: 1 } as const;
    const watched: WatchEvent[] = [];
    for await (const event of new MetropolisClient({ baseUrl: server.url }).watch(same)) watched.push(event);
    const told = (all: readonly WatchEvent[]): unknown[] =>
      all
        .filter(({ type }) => type === "revision" || type === "decision")
        .map((event) => ({ ...event, id: "" }));
    expect(told(events)).toEqual(told(watched));
    expect(events.map(({ type }) => type)).toEqual(watched.map(({ type }) => type));
    expect(events.at(-1)).toMatchObject({ type: "done", response: { choices: [{ finish_reason: "stop" }] } });
  });

  it("writes errors apart, with a code, and no word that is not JSON", async () => {
    for (const args of [
      ["--alpha", "0"],
      ["--pace", "3"],
      ["--regex", "("],
    ]) {
      const { child, exit, errors } = startJson(...args);
      expect(await text(child.stdout)).toBe("");
      expect(await exit).toEqual([1, null]);
      expect(await errors).toMatch(/^error: \S.*\n$/);
    }
  });

  it("ends on Ctrl-C after a whole line", async () => {
    const { child, exit, errors } = startJson("--steps", "1000", "--max-tokens", "200");
    const output = text(child.stdout);
    await Promise.race([once(child.stdout, "data"), exit]);
    child.kill("SIGINT");
    expect(await exit).toEqual([130, null]);
    expect(parseLines(await output).at(-1)!.type).not.toBe("done");
    expect(await errors).toBe("");
  });
});

describe("metropolis watch", () => {
  it("runs the embedded model in its own process and tells each revision in a line", async () => {
    const { code, output } = await runCommand(["watch", prompt, ...bold]);
    expect(code).toBe(0);
    const lines = output.trim().split("\n");
    const revisions = lines.filter((line) => line.startsWith("block "));
    expect(revisions.length).toBeGreaterThan(3);
    expect(revisions[0]).toMatch(/^block 1 step 0 {2}log p -\d+\.\d\d {2}\S/);
    const [answer] = lines.slice(revisions.length);
    expect(revisions.at(-1)!.endsWith(answer!)).toBe(true);
    expect(output).toMatch(/\d+ tokens drawn, \d+ remembered, \d+ tokens evaluated, seed 3/);
    expect(output).toMatch(/\d+ steps: \d+ moved, \d+ unchanged, \d+ rejected \(\d+ early\)/);
  });

  it("asks a server, with its key, and answers as it does", async () => {
    await using server = await ServerProcess.start(["--api-key", "secret"]);
    const asked = await runCommand(["watch", prompt, ...bold, "--url", server.url, "--api-key", "secret"]);
    const own = await runCommand(["watch", prompt, ...bold]);
    // How much is begun ahead depends on the times that passes take.
    const withoutCost = (output: string): string =>
      output.replace(/\d+(?= remembered)/, "some").replace(/\d+(?= tokens evaluated)/, "some");
    expect(withoutCost(asked.output)).toBe(withoutCost(own.output));
    expect(own.output).toContain(" tokens evaluated");
    const stranger = await runCommand(["watch", prompt, "--url", server.url]);
    expect(stranger.code).toBe(1);
    expect(stranger.output).toMatch(/^error: This server wants an API key/);
  });

  it("shows one of the candidates, how they vote, and how sure the model was", async () => {
    const vote = ["--best-of", "4", "--select", "vote", "--select-answer", "#([0-9]+)", "--self-certainty"];
    for (const sampler of ["power", "standard"]) {
      const { code, output } = await runCommand([
        "watch",
        prompt,
        "--seed",
        "3",
        "--sampler",
        sampler,
        ...vote,
      ]);
      expect(output.match(/^votes of \d\/4: /gm)!.length).toBeGreaterThan(3);
      expect(output).toMatch(/self-certainty \d+\.\d\d, seed 3\nvotes of 4\/4: /);
      expect(code).toBe(0);
    }
  });

  it("takes kernels, cuts and ids of the hub", async () => {
    const { code, output } = await runCommand([
      "watch",
      prompt,
      ..."--kernel tempering --cut entropy".split(" "),
    ]);
    expect(output).toMatch(/\d+ steps: /);
    expect(code).toBe(0);
    const absent = await runCommand(["watch", prompt, "--model", "someone/a-model"], { HF_HUB_OFFLINE: "1" });
    expect(absent.output).toMatch(/^error: HF_HUB_OFFLINE forbids to ask the hub for someone\/a-model/m);
  });

  it("shows a model that a server elsewhere runs", async () => {
    await using fake = await new FakeVllm(await servedAbacus()).start();
    const engine = ["--engine", "vllm", "--engine-url", fake.url];
    const { code, output } = await runCommand([
      "watch",
      prompt,
      "--max-tokens",
      "6",
      "--seed",
      "3",
      ...engine,
    ]);
    expect(output).toMatch(/^block 1 step 0 {2}log p -\d/m);
    expect(code).toBe(0);
  });

  it.each([
    [["--engine", "vllm", "--url", "http://127.0.0.1:9"], "--engine is about what runs --model"],
    [["--model", "models/pivot", "--url", "http://127.0.0.1:9"], "--model is about a model in this process"],
    [["--dtype", "q4", "--url", "http://127.0.0.1:9"], "--dtype is about a model in this process"],
    [["--api-key", "secret"], "--api-key is about a server; give its --url too"],
  ])("refuses what it would not read: %j", async (options, refusal) => {
    const { code, output } = await runCommand(["watch", prompt, ...options]);
    expect(output).toContain(`error: ${refusal}`);
    expect(code).toBe(1);
  });

  it.each([
    [["--regex", "#[0-9]{1,2}"], /^#\d{1,2}$/],
    [
      ["--json-schema", '{"type": "integer", "minimum": 10, "maximum": 19}', "--kernel", "tempering"],
      /^1\d$/,
    ],
    [["--choice", "#5", "--choice", "4=4", "--cut", "entropy"], /^(#5|4=4)$/],
    [["--grammar", 'root ::= [0-9] "=" [0-9]'], /^\d=\d$/],
  ])("holds the answer to %j", async (options, form) => {
    const { code, output } = await runCommand(["watch", prompt, "--seed", "3", ...options]);
    expect(code).toBe(0);
    const lines = output.trim().split("\n");
    const revisions = lines.filter((line) => line.startsWith("block "));
    expect(lines[revisions.length]).toMatch(form);
    expect(revisions.at(-1)!.endsWith(`  ${lines[revisions.length]!}`)).toBe(true);
  });

  it("takes every sampler, and says what is wrong in a line", async () => {
    const greedy = await runCommand(["watch", prompt, "--sampler", "greedy", "--seed", "7"]);
    expect(greedy).toMatchObject({ code: 0, output: expect.stringMatching(/^#\d+\n\nseed 7\n$/) as unknown });
    const failures: [string[], RegExp][] = [
      [["watch", "7 apples="], /^error: The model's vocabulary has no ' '/],
      [["watch", prompt, "--alpha", "0"], /--alpha.*must be at least 1/s],
      [["watch", prompt, "--sampler", "greedy", "--alpha", "2"], /^error: alpha has no meaning/],
      [["watch", prompt, "--url", "http://127.0.0.1:9"], /^error: No answer from http:\/\/127\.0\.0\.1:9/],
      [["watch", prompt, "--regex", "("], /^error: --regex has a pattern that is no regular expression/],
      [
        ["watch", prompt, "--regex", "5", "--json-schema", "{}"],
        /^error: --json-schema and --regex cannot both/,
      ],
      [["watch", prompt, "--json-schema", "{"], /^error: --json-schema: the schema is no JSON/],
      [["watch"], /missing required argument 'prompt'/],
    ];
    for (const [args, message] of failures) {
      const { code, output } = await runCommand(args);
      expect(output).toMatch(message);
      expect(output).not.toMatch(/\n\s+at /);
      expect(code).toBeGreaterThan(0);
    }
  });
});
