import { execFile, spawnSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { asCode } from "../../web/src/settings/request-as-code.ts";
import type { Asked, CodeContext } from "../../web/src/settings/request-as-code.ts";
import { PrefixProxy } from "../support/prefix-proxy.ts";
import { ServerProcess } from "../support/server-process.ts";

/** What the playground offers to copy, run as it is. */

const python = process.env.METROPOLIS_TEST_PYTHON ?? "python3";
const hasOpenai = spawnSync(python, ["-c", "import openai"]).status === 0;
const run = promisify(execFile);
const key = 'it\'s "$HOME"';
const env = { ...process.env, METROPOLIS_API_KEY: key };

/** As people write: quotes, lines, a backslash, what shells expand, letters of other scripts, U+2028. */
const system = "Say 'it', \"that\"\n\\n `id` $HOME !! – é 漢 🎲\u2028.";

const cases: readonly { readonly what: string; readonly asked: Asked }[] = [
  {
    what: "a completion",
    asked: { route: "completions", requests: [{ prompt: "7-2*3+4=", sampler: "power", seed: 42 }] },
  },
  {
    what: "a completion held to texts with quotes and lines",
    asked: {
      route: "completions",
      requests: [
        {
          prompt: "1+1=",
          max_tokens: 12,
          seed: 7,
          structured_outputs: { choice: ["#2", "#3", `it's "so"\n${system}`] },
          sampler: "power",
          alpha: 2,
          kernel: "multiple_try",
          tries: 2,
        },
      ],
    },
  },
  {
    what: "a completion held to a pattern",
    asked: {
      route: "completions",
      requests: [
        {
          prompt: "1+1=",
          structured_outputs: { regex: String.raw`#\d{1,2}|'"\\` },
          sampler: "standard",
          temperature: 0.7,
          top_p: 0.9,
          seed: 3,
        },
      ],
    },
  },
  {
    what: "a completion by one sampler and by another",
    asked: {
      route: "completions",
      requests: [
        { prompt: "7-2*3+4=", seed: 42, sampler: "greedy" },
        { prompt: "7-2*3+4=", seed: 42, sampler: "power", best_of: 2, isolated: true },
      ],
    },
  },
  {
    what: "a chat of several turns and answers",
    asked: {
      route: "chat/completions",
      requests: [
        {
          messages: [
            { role: "user", content: "1+1=" },
            { role: "assistant", content: "#2" },
            { role: "user", content: "7-2*3+4=" },
          ],
          max_tokens: 30,
          n: 2,
          sampler: "standard",
          seed: 5,
        },
      ],
    },
  },
];

let server: ServerProcess;
let proxy: PrefixProxy;
let folder: string;
let context: CodeContext;

beforeAll(async () => {
  server = await ServerProcess.start(["--trust-proxy", "loopback", "--api-key", key]);
  // Signs that an address may have and a shell reads.
  proxy = await PrefixProxy.start({ target: server.url, prefix: "/it's($HOME)&;*", forwardsHost: true });
  folder = await mkdtemp(join(tmpdir(), "metropolis-programs-"));
  context = { baseUrl: `${proxy.url}/`, model: "abacus", wantsKey: true };
});
afterAll(async () => {
  await rm(folder, { recursive: true });
  await proxy[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

interface Choice {
  readonly text?: string;
  readonly message?: { readonly content: string };
}

const textsIn = (choices: readonly Choice[]): string =>
  choices.map(({ text, message }) => `${text ?? message!.content}\n`).join("");

/** What the server answers when it is asked as the page asks it. */
async function expected({ route, requests }: Asked): Promise<string> {
  let texts = "";
  for (const request of requests) {
    const reply = await fetch(`${server.url}/v1/${route}`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${key}` },
      body: JSON.stringify(request),
    });
    const { choices } = (await reply.json()) as { choices: Choice[] };
    texts += textsIn(choices);
  }
  return texts;
}

describe.each(cases)("$what, copied as a program,", ({ asked }) => {
  it("answers the same as curl", async () => {
    const { stdout } = await run("bash", ["-c", asCode("curl", asked, context)], { env });
    const replies = stdout.replaceAll("}{", "}\n{").split("\n");
    const choices = replies.flatMap((reply) => (JSON.parse(reply) as { choices: Choice[] }).choices);
    expect(textsIn(choices)).toBe(await expected(asked));
  });

  it.skipIf(!hasOpenai)("answers the same as Python", async () => {
    const { stdout } = await run(python, ["-c", asCode("Python", asked, context)], { env });
    expect(stdout).toBe(await expected(asked));
  });

  it("answers the same as TypeScript", async () => {
    const built = new URL("../../dist/client/metropolis-client.js", import.meta.url).href;
    const file = join(folder, "program.mjs");
    await writeFile(file, asCode("TypeScript", asked, context).replace("metropolis-client", built));
    const { stdout } = await run(process.execPath, [file], { env });
    expect(stdout).toBe(await expected(asked));
  });
});
