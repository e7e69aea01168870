import { execFile, spawnSync } from "node:child_process";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { ServerProcess } from "../support/server-process.ts";

const run = promisify(execFile);
const hasCurl = spawnSync("curl", ["--version"]).status === 0;

/** README's first example, as somebody types it in who has just started the server. */
it.skipIf(!hasCurl)("prints for README's first example what README shows", async () => {
  const readme = await readFile(new URL("../../README.md", import.meta.url), "utf8");
  const block = (language: string, holding: string): string =>
    [...readme.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\`$`, "gms"))]
      .map(([, text]) => text!)
      .find((text) => text.includes(holding))!;
  const command = block("sh", "for sampler in");
  const [prompt, seed] = [/"prompt": "(.*?)"/, /"seed": (\d+)/].map((field) => field.exec(command)![1]!);

  await using server = await ServerProcess.start(["--threads", "1"]);
  const { stdout } = await run("sh", ["-c", command.replaceAll("http://127.0.0.1:8000", server.url)]);
  expect(stdout).toBe(block("text", "greedy:"));

  const ask = async (body: object): Promise<{ text: string; power?: object }[]> => {
    const reply = await server.post("/v1/completions", { prompt, seed: Number(seed), ...body });
    return ((await reply.json()) as { choices: { text: string; power?: object }[] }).choices;
  };
  const [answer] = await ask({ sampler: "power" });
  expect(answer!.power).toMatchObject(JSON.parse(block("json", "acceptance")) as object);

  const sum = `#${/^(\d+) is right/m.exec(readme)![1]!}`;
  const right: number[] = [];
  for (const sampler of ["greedy", "low_temperature", "standard", "power"]) {
    const answers = await ask({ sampler, n: 20 });
    right.push(answers.filter(({ text }) => text.endsWith(sum)).length);
  }
  const [last] = right.splice(-1);
  expect(readme).toContain(`${right.join(", ")} and all ${String(last)} answers are right`);
});
