import { InferenceError } from "../core/errors.ts";
import { readModelFolder } from "../decoder/model-folder.ts";
import type { ModelDescription } from "../decoder/model-folder.ts";
import { lawsInWords } from "../engine/remote/facts.ts";
import { openRemote } from "../engine/remote/open-remote.ts";
import type { OpenedRemote, RemoteSettings } from "../engine/remote/open-remote.ts";
import { checkTokenizer } from "./check-tokenizer.ts";
import type { EngineServer } from "./engine-settings.ts";

/** Where a model's tokenizer is, and what was read of it. */
export interface TokenizerPlace {
  readonly folder: string;
  readonly description: Pick<ModelDescription, "tokenizer" | "vocabularySize">;
}

export interface OpenedServer extends OpenedRemote {
  /** Whether its tokens are known to be the folder's: some servers turn no text into tokens. */
  readonly isTokenizerKnown: boolean;
}

/**
 * Opens an engine on a server, whose tokens are to be those of the folder.
 * @throws InferenceError as `openRemote`, and where the server's tokens are others
 */
export async function openServer(
  server: EngineServer,
  { folder, description }: TokenizerPlace,
): Promise<OpenedServer> {
  const { waitSeconds, ...settings } = server;
  const { tokenizer, vocabularySize } = description;
  let note: string | undefined;
  const inspect: RemoteSettings["inspect"] = async (found, signal) => {
    // Of its own, and garbage afterwards: prompts are encoded elsewhere.
    const { prompts } = await readModelFolder(folder);
    note = await checkTokenizer(found, { folder, tokenizer, prompts, vocabularySize }, signal);
  };
  const signal = AbortSignal.timeout(waitSeconds * 1000);
  const opened = await openRemote({ ...settings, vocabularySize, inspect }, signal).catch(
    (error: unknown) => {
      throw signal.aborted ? tooLate(error, server) : named(error);
    },
  );
  return note === undefined
    ? { ...opened, isTokenizerKnown: true }
    : { ...opened, isTokenizerKnown: false, notes: [...opened.notes, note] };
}

/** What an operator should read of a server at the start. */
export function describeServer({ engine, description, facts, notes }: OpenedRemote): string[] {
  const { server, calls } = engine.health().details;
  const version = description.version === undefined ? "" : ` ${description.version}`;
  const { contextLength, model } = description;
  return [
    `server: ${server.dialect}${version} at ${server.url}, model '${model}', ${contextLength} tokens, ${calls.most} calls at once`,
    `log-probs: of the ${facts.mostTop} likeliest at most, of ${lawsInWords[facts.logprobs]}`,
    ...notes.map((note) => `server: ${note}`),
  ];
}

/** A server's own model is named by an option. */
const named = (error: unknown): unknown =>
  error instanceof InferenceError && error.code === "model_not_found"
    ? new InferenceError(error.code, `${error.message} Set --engine-model to one of its names.`, {
        cause: error,
      })
    : error;

/** What has not come about in time, with the options that it depends on. */
function tooLate(error: unknown, { dialect, url, waitSeconds }: EngineServer): InferenceError {
  const isTold = error instanceof InferenceError && error.code !== "aborted";
  const said = isTold ? error.message : `${url} has not answered all that it was asked.`;
  return new InferenceError(
    "engine_failed",
    `${said} It was tried for ${waitSeconds} s (--engine-wait): --engine-url must name a ${dialect} server that runs.`,
    { cause: error },
  );
}

/** The model of a name must be the same model for as long as Metropolis serves it. */
export const changedServer = ({ url }: EngineServer, change: string): InferenceError =>
  new InferenceError(
    "engine_failed",
    `The server at ${url} no longer serves the model that it served at the start: ${change}. Start Metropolis again to take it, or put back what was there.`,
  );
