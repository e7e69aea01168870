import { execFile, spawnSync } from "node:child_process";
import { cp, mkdtemp, readFile, readdir, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ServerProcess } from "../support/server-process.ts";

/**
 * Clients in Python, unmodified. Skipped where Python or the package is missing: `pip install -r
 * test/harness/requirements.txt`, or METROPOLIS_TEST_PYTHON names an interpreter that has them.
 */

const python = process.env.METROPOLIS_TEST_PYTHON ?? "python3";
const has = (module: string): boolean => spawnSync(python, ["-c", `import ${module}`]).status === 0;
const harness = fileURLToPath(new URL("../harness/", import.meta.url));
const run = promisify(execFile);

const prompt = "7-2*3+4=";

let server: ServerProcess;
beforeAll(async () => {
  server = await ServerProcess.start();
});
afterAll(() => server[Symbol.asyncDispose]());

interface Choice {
  readonly text: string;
  readonly logprobs: { readonly token_logprobs: readonly number[] };
}

async function complete(body: object): Promise<Choice> {
  const reply = await server.post("/v1/completions", body);
  return ((await reply.json()) as { choices: [Choice] }).choices[0];
}

describe("the official OpenAI SDK for Python", () => {
  it.skipIf(!has("openai"))("completes, chats and streams, power included", async () => {
    const { stdout } = await run(python, [join(harness, "openai_client.py"), server.url, prompt]);
    const text = (await complete({ prompt, sampler: "power", mcmc_steps: 4, seed: 1 })).text;
    const answer = JSON.parse(stdout) as {
      models: string[];
      completions: { text: string; usage: number; tokens: number };
      chat: { text: string; streamed: string };
      responses: { text: string };
    };
    expect(answer).toMatchObject({
      completions: { text, streamed: text, power: 4 },
      chat: { finish: "stop" },
      refusal: "model_not_found",
    });
    expect(answer.models).toContain("abacus:power");
    expect(answer.completions.tokens).toBe(answer.completions.usage);
    expect(answer.chat.text).toMatch(/#\d+$/);
    expect(answer.chat.streamed).toBe(answer.chat.text);
    const { text: said } = answer.responses;
    expect(answer.responses).toEqual({
      text: expect.stringMatching(/#\d+$/) as string,
      streamed: [said, said],
      retrieved: said,
      cancelled: "cancelled",
      items: 3,
      deleted: "response_not_found",
    });
  });
});

interface Sample {
  readonly doc: { readonly prompt: string; readonly solution: string };
  readonly filtered_resps: readonly [string | readonly [string, string]];
}

describe("lm-evaluation-harness over local-completions", () => {
  it.skipIf(!has("lm_eval"))(
    "scores what we score, knows what is greedy, and generates what we generate",
    async () => {
      const folder = await mkdtemp(join(tmpdir(), "metropolis-lm-eval-"));
      await cp(harness, folder, { recursive: true });
      const greedy = (await complete({ prompt, sampler: "greedy" })).text;
      const problems = [
        { prompt, solution: "2*3=6;7-6=1;1+4=5;#5" },
        { prompt, solution: greedy },
        { prompt: "1+1=", solution: "#2" },
        { prompt: "9-8*2+7=", solution: "8*2=16;" },
      ];
      const lines = problems.map((problem) => JSON.stringify(problem)).join("\n");
      await writeFile(join(folder, "problems.jsonl"), lines);
      const args = {
        base_url: `${server.url}/v1/completions`,
        model: "abacus",
        // Looking for a remote tokenizer by itself, the harness tries the word "test", which abacus cannot spell.
        tokenizer_backend: "remote",
        num_concurrent: 2,
        max_length: 256,
      };
      const modelArgs = Object.entries(args).map(([name, value]) => `${name}=${value}`);
      await run(
        python,
        [
          ...["-m", "lm_eval", "run", "--model", "local-completions", "--model_args", modelArgs.join(",")],
          ...["--include_path", ".", "--tasks", "abacus_score,abacus_generate"],
          ...["--output_path", "out", "--log_samples"],
        ],
        { cwd: folder, env: { ...process.env, HF_HUB_OFFLINE: "1", HF_DATASETS_OFFLINE: "1" } },
      );
      const output = join(folder, "out", "abacus");
      const samplesOf = async (task: string): Promise<Sample[]> => {
        const name = (await readdir(output)).find((file) => file.startsWith(`samples_${task}_`))!;
        const text = await readFile(join(output, name), "utf8");
        return text
          .trim()
          .split("\n")
          .map((line) => JSON.parse(line) as Sample);
      };

      const scored = await samplesOf("abacus_score");
      expect(scored).toHaveLength(problems.length);
      for (const { doc, filtered_resps } of scored) {
        const [loglikelihood, isGreedy] = filtered_resps[0] as readonly [string, string];
        const { logprobs } = await complete({
          prompt: doc.prompt + doc.solution,
          echo: true,
          max_tokens: 0,
          logprobs: 0,
        });
        const own = logprobs.token_logprobs.slice(doc.prompt.length).reduce((sum, value) => sum + value, 0);
        expect(Number(loglikelihood)).toBeCloseTo(own, 3);
        expect(isGreedy).toBe(doc.solution === greedy ? "True" : "False");
      }
      for (const { doc, filtered_resps } of await samplesOf("abacus_generate")) {
        const own = await complete({
          prompt: doc.prompt,
          temperature: 0,
          stop: [";", "<eos>"],
          max_tokens: 32,
        });
        expect(filtered_resps[0]).toBe(own.text);
      }
    },
  );
});
