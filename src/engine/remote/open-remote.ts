import { setMaxListeners } from "node:events";
import { InferenceError } from "../../core/errors.ts";
import { toInferenceError, BackOff } from "./back-off.ts";
import { Connection } from "./connection.ts";
import type { Dialect, DialectName, DialectSettings, ServerDescription } from "./dialect.ts";
import type { ServerFacts } from "./facts.ts";
import { distance, fingerprintOf, tolerance } from "./fingerprint.ts";
import { usualTop } from "./legs.ts";
import { createLlamaCpp } from "./llamacpp.ts";
import { probe } from "./probe.ts";
import { ProbeCalls } from "./probe-calls.ts";
import type { ProbeSettings } from "./probe-calls.ts";
import { RemoteEngine } from "./remote-engine.ts";
import { RemoteError } from "./remote-error.ts";
import { ServerCalls } from "./server-calls.ts";
import { createSglang } from "./sglang.ts";
import { createVllm } from "./vllm.ts";

export interface RemoteSettings {
  readonly dialect: DialectName;
  readonly url: string;
  readonly key?: string | undefined;
  /** What the server calls the model; what it has where left out. */
  readonly model?: string | undefined;
  /** At once. */
  readonly maxCalls: number;
  readonly sessionHeader: string;
  /** Of the tokenizer. */
  readonly vocabularySize: number;
  /** See `ConnectionSettings`. */
  readonly silenceMs?: number | undefined;
  readonly pauseMs?: number | undefined;
  /** Looks at a server before it is measured; what it throws is thrown, and RemoteErrors that may pass are waited out. */
  readonly inspect?: (server: FoundServer, signal: AbortSignal) => Promise<void>;
}

/** A server that has said what it is. */
export interface FoundServer {
  readonly dialect: Dialect;
  /** For what an engine does not ask; the engine's to close. */
  readonly server: Connection;
  readonly description: ServerDescription;
}

export interface OpenedRemote extends FoundServer {
  readonly engine: RemoteEngine;
  readonly facts: ServerFacts;
  /** For operators. */
  readonly notes: readonly string[];
}

/** So long a server may take to start, where no signal says otherwise, ms. */
const startMs = 60_000;
/** Beside the calls at once: what asks for models, tokens and metrics. */
const spareSockets = 8;

const dialects: Readonly<Record<DialectName, (settings: DialectSettings) => Dialect>> = {
  vllm: createVllm,
  sglang: createSglang,
  llamacpp: createLlamaCpp,
};

/**
 * Finds out what a server is, and opens an engine on it. A server that starts is waited for.
 * @throws InferenceError `engine_failed` where it cannot be reached by then; `unsupported` for what would make the law
 * wrong, with what mends it; `model_not_found`
 */
export async function openRemote(
  settings: RemoteSettings,
  signal: AbortSignal = AbortSignal.timeout(startMs),
): Promise<OpenedRemote> {
  // Draws are measured side by side, in calls that listen.
  setMaxListeners(0, signal);
  const { dialect: name, url, key, sessionHeader, maxCalls, silenceMs, pauseMs } = settings;
  const dialect = dialects[name](settings);
  const mostSockets = maxCalls + spareSockets;
  const server = connect({ url, key, sessionHeader, silenceMs, pauseMs, mostSockets });
  try {
    const found = await patiently(() => examine({ server, dialect, settings, signal }), signal);
    const engine = createRemote({ server, dialect, settings }, found);
    const { description, facts } = found;
    return { engine, dialect, server, description, facts, notes: notesOn(dialect, found, settings) };
  } catch (error) {
    await server[Symbol.asyncDispose]();
    throw error;
  }
}

/** An engine on a server that was examined before, with its connection, which is its own from now on. */
export function createRemote(place: Omit<Place, "signal">, found: Found): RemoteEngine {
  const { server, dialect, settings } = place;
  const calls = new ServerCalls({
    server,
    dialect,
    model: found.description.model,
    mostCalls: settings.maxCalls,
    findChange: (signal) => findChange({ ...place, signal }, found),
  });
  return new RemoteEngine({ server, dialect, ...found, calls, vocabularySize: settings.vocabularySize });
}

/** A server, and who asks. */
interface Place {
  readonly server: Connection;
  readonly dialect: Dialect;
  readonly settings: RemoteSettings;
  readonly signal: AbortSignal;
}

/** What was found out about a server. */
export interface Found {
  readonly description: ServerDescription;
  readonly facts: ServerFacts;
}

/** Asks a server what it is, and measures what it does. @throws as `openRemote`, and RemoteError */
export async function examine(place: Place): Promise<Found> {
  const { server, dialect, settings, signal } = place;
  const description = await dialect.describe(server, settings.model, signal);
  await settings.inspect?.({ dialect, server, description }, signal);
  try {
    return { description, facts: await probe(probeOf(place, description), description.mostTop) };
  } catch (error) {
    // Logits, as some servers can be told to report: what is no log-prob of a sound model may be one of them.
    if (!(error instanceof InferenceError && error.code === "numerical_error")) throw error;
    const message = `${error.message} If it was told to report something else, start it with ${dialect.rawFlag}.`;
    throw new InferenceError("unsupported", message, { cause: error });
  }
}

const probeOf = (
  { server, dialect, settings: { vocabularySize }, signal }: Place,
  { model, contextLength }: ServerDescription,
): ProbeSettings => ({ server, dialect, model, vocabularySize, contextLength, signal });

/** What a server says now that it did not say when it was examined; `undefined` where that is nothing. */
async function findChange(place: Place, { description, facts }: Found): Promise<string | undefined> {
  const { server, dialect, signal } = place;
  try {
    const { identity } = await dialect.describe(server, description.model, signal);
    if (identity !== description.identity) return `it was ${description.identity}, and is ${identity}`;
  } catch (error) {
    if (error instanceof InferenceError && error.code === "model_not_found") return error.message;
    throw error;
  }
  const top = await fingerprintOf(new ProbeCalls(probeOf(place, description)), facts.mostTop);
  const apart = distance(facts.fingerprint, top);
  if (apart <= tolerance(facts.disagreement)) return undefined;
  return `log-probs after the same prompt are ${apart.toFixed(3)} nats from what they were`;
}

/** Tries again while the server starts, until the signal is aborted. */
async function patiently<Value>(work: () => Promise<Value>, signal: AbortSignal): Promise<Value> {
  const backOff = new BackOff(0);
  let last: RemoteError | undefined;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (error instanceof RemoteError && error.retryable) last = error;
      await backOff.wait(error, signal).catch((given: unknown) => {
        throw signal.aborted && last !== undefined ? toInferenceError(last) : given;
      });
    }
  }
}

function notesOn(
  dialect: Dialect,
  { description, facts }: Found,
  { vocabularySize }: RemoteSettings,
): readonly string[] {
  const { mostTopFlag } = dialect;
  const notes = [...description.notes];
  if (facts.logprobs === "sampled")
    notes.push("it reports log-probs of the law that it draws from: a second call scores what it drew");
  if (facts.logprobs === "adjusted")
    notes.push("it reports log-probs after logit_bias: a second call scores what it drew with one");
  if (facts.mostTop < Math.min(vocabularySize, usualTop + 1) && mostTopFlag !== undefined)
    notes.push(
      `it reports ${facts.mostTop} of the likeliest at most; ${mostTopFlag} 64 lets steps be settled`,
    );
  if (dialect.score === undefined) notes.push("it cannot score given tokens: echo is refused");
  if (facts.aborts === false) notes.push("it goes on drawing for calls that were closed");
  if (facts.caches === false) notes.push("it keeps nothing of the prompts that it has run");
  return notes;
}

function connect(settings: ConstructorParameters<typeof Connection>[0]): Connection {
  try {
    return new Connection(settings);
  } catch (error) {
    throw error instanceof RemoteError ? toInferenceError(error) : error;
  }
}
