import { randomInt } from "node:crypto";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { Command } from "commander";
import { InferenceError } from "../core/errors.ts";
import { describeProgress } from "../core/load-progress.ts";
import type { ModelInfo } from "../decoder/completer.ts";
import { readContents } from "../decoder/folder-contents.ts";
import { describeFolder } from "../decoder/model-folder.ts";
import { buildApp } from "../server/app.ts";
import { prepareGracefulClose } from "../server/graceful-close.ts";
import { trustedProxies } from "../server/trusted-proxies.ts";
import { connectionLimits } from "./connection-options.ts";
import { endOnSignals } from "./end-on-signals.ts";
import { LoadingView } from "./loading-view.ts";
import { surviveLostOutput } from "./lost-output.ts";
import { hideKeys, readEngineServer } from "./engine-options.ts";
import { provideModel, provideTokenizer } from "./provide-model.ts";
import { IdleRelease, collectGarbage } from "../assembly/idle-memory.ts";
import { stampFiles } from "../assembly/model-files.ts";
import { startCompleter } from "../assembly/start-completer.ts";
import { startProbe } from "../assembly/start-probe.ts";
import { startPrompts } from "../assembly/start-prompts.ts";
import { serveOptions } from "./serve-options.ts";
import { openLog } from "./server-log.ts";
import type { ServeSettings } from "./serve-settings.ts";
import { readText } from "./text-file.ts";

const examples = `
Examples:
  metropolis serve                                  the embedded model on http://127.0.0.1:8000
  metropolis serve --sampler power                  power sampling for every request that names no sampler
  metropolis serve --model ./my-model --lanes 32    a model folder, 32 sequences at once
  metropolis serve --model onnx-community/Qwen2.5-0.5B-Instruct --dtype q4
                                                    a model of the hub, pulled if it is not in the cache
  metropolis serve --engine vllm --engine-url http://gpu:8000 --model Qwen/Qwen3-8B
                                                    a model that vLLM runs, with its tokenizer from the hub
Each option is also read from the environment: --log-level from METROPOLIS_LOG_LEVEL, and so on.`;

/** `metropolis serve` */
export function serveCommand(): Command {
  const command = new Command("serve")
    .description("Serve a model over HTTP, with OpenAI's API and power sampling.")
    .addHelpText("after", examples)
    .action((settings: ServeSettings) => serve(settings, command));
  for (const one of serveOptions()) command.addOption(one);
  return command;
}

async function serve(settings: ServeSettings, command: Command): Promise<void> {
  hideKeys(command);
  surviveLostOutput();
  const logger = openLog(settings.logLevel);
  // Whatever may be wrong with the settings is found before a worker is started.
  const apiKeys = await readApiKeys(settings);
  const server = await readEngineServer(settings, command);
  const located = await (server === undefined ? provideModel(settings) : provideTokenizer(settings.model));
  const stamps = await stampFiles(located);
  const { folder, id } = located;
  const contents = await readContents(folder);
  const chatTemplate = await readChatTemplate(settings);
  const description = describeFolder({ root: resolve(folder), contents }, id, chatTemplate);
  const onNote = (note: string): void => {
    console.log(note);
  };
  const { takesChats } = description.prompts;
  const probe = await startProbe(settings.host, settings.healthPort);
  const view = new LoadingView();
  const completer = await startCompleter({ ...settings, server }, stamps, {
    tokenizer: description.tokenizer,
    prompts: startPrompts({ folder, contents, chatTemplate }, { takesChats, onNote }),
    onNote,
    onProgress: (progress) => {
      view.show(progress);
      probe?.load(describeProgress(progress));
    },
    onWorker: (worker) => probe?.watch(worker),
  }).finally(() => {
    view[Symbol.dispose]();
  });
  const app = await buildApp({
    completer,
    defaultSampler: settings.sampler,
    logger,
    apiKeys,
    limits: {
      maxCompletions: settings.maxCompletions,
      maxTokens: settings.maxTokensInFlight,
      maxAnswerBytes: settings.maxAnswersMib * 1024 * 1024,
      maxCompletionsPerClient: settings.completionsPerClient,
    },
    requestsPerMinute: settings.requestsPerMinute,
    requestTimeoutMs: settings.requestTimeout * 1000,
    bodyLimit: settings.maxBodyMib * 1024 * 1024,
    bodiesLimit: settings.maxBodiesMib * 1024 * 1024,
    responseStore: {
      maxBytes: settings.responseStoreMib * 1024 * 1024,
      maxResponses: settings.maxResponses,
      lifetimeMs: settings.responseLifetime * 1000,
    },
    corsOrigins: settings.corsOrigin ?? [],
    publicOrigins: (settings.publicUrl ?? []).map((url) => new URL(url).origin),
    listensOn: settings.host,
    allowedHosts: settings.allowedHost ?? [],
    connections: connectionLimits(settings),
    trustProxy: trustedProxies(settings.trustProxy ?? []),
    playgroundFolder: fileURLToPath(new URL("../web/", import.meta.url)),
    freshSeed: () => randomInt(2 ** 47),
  });
  const closeGracefully = prepareGracefulClose(app, completer);
  IdleRelease.start({ release: collectGarbage });
  try {
    const url = await app.listen({ host: settings.host, port: settings.port });
    console.log(greeting(url, settings.publicUrl?.[0] ?? url, completer.model));
    if (probe !== undefined) console.log(`health: ${probe.url}`);
  } catch (error) {
    await app.close();
    await completer[Symbol.asyncDispose]();
    throw describeListenError(error, settings);
  }
  endOnSignals({ closeGracefully, completer, logger, probe }, settings.shutdownTimeout * 1000);
}

/** @throws InferenceError when a key or the file of keys is empty: that would let every client in */
async function readApiKeys({ apiKey = [], apiKeyFile }: ServeSettings): Promise<readonly string[]> {
  const keys = [...apiKey];
  if (apiKeyFile !== undefined) {
    const lines = (await readText(apiKeyFile, "--api-key-file")).split(/\r?\n/).map((line) => line.trim());
    const fromFile = lines.filter((line) => line !== "" && !line.startsWith("#"));
    if (fromFile.length === 0)
      throw new InferenceError("invalid_request", `--api-key-file: ${apiKeyFile} holds no key.`);
    keys.push(...fromFile);
  }
  if (keys.some((key) => key.trim() === ""))
    throw new InferenceError("invalid_request", "--api-key must not be empty.");
  return keys;
}

/** The template's text; `undefined` for the model's own. */
const readChatTemplate = async ({ chatTemplate: path }: ServeSettings): Promise<string | undefined> =>
  path === undefined ? undefined : readText(path, "--chat-template");

/** @param publicUrl where browsers find it */
function greeting(url: string, publicUrl: string, { id, examplePrompts }: ModelInfo): string {
  const body = JSON.stringify({
    model: id,
    prompt: examplePrompts[0] ?? "Once upon a time",
    sampler: "power",
    seed: 7,
  });
  return [
    `serving ${id} on ${url}`,
    `playground: ${publicUrl}/`,
    "try:",
    `  curl ${url}/v1/completions -H 'content-type: application/json' -d '${body}'`,
  ].join("\n");
}

function describeListenError(error: unknown, { host, port }: ServeSettings): unknown {
  switch ((error as NodeJS.ErrnoException).code) {
    case "EADDRINUSE":
      return new InferenceError(
        "invalid_request",
        `Port ${port} on ${host} is in use. Stop what listens there, or choose another with --port.`,
      );
    case "EACCES":
      return new InferenceError(
        "invalid_request",
        `Port ${port} may not be opened. Choose one above 1023 with --port.`,
      );
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
      return new InferenceError(
        "invalid_request",
        `${host} is not an address of this machine. Set --host to one that is.`,
      );
    default:
      return error;
  }
}
