import { computed, effect, signal } from "@preact/signals";
import { MetropolisClient } from "../../../src/client/client.ts";
import type { Model } from "../../../src/client/client.ts";
import { isKeyRefusal, keyControl, problem, showProblem } from "./problem.ts";
import { cancel } from "./run.ts";

/** Where the server is: a proxy may serve it under any path. */
export const baseUrl = new URL(".", document.baseURI).href;
/** Other servers of the same origin want other keys. */
const keyStorage = `metropolis-api-key ${baseUrl}`;
const pollMs = 2000;
/** A server that is asked how it is answers at once, or something holds it, and whoever asks. */
const patienceMs = 5000;

export type ServerState = "connecting" | "ready" | "unreachable" | "key needed";

/** Whether the server behind this page answers. */
export const serverState = signal<ServerState>("connecting");
/** The model that is served, once that is known. */
export const model = signal<Model | undefined>(undefined);
/** Most tokens of an answer where a request leaves them out. */
export const usualMaxTokens = computed(() => model.value?.defaults.max_tokens ?? 16);
export const apiKey = signal(sessionStorage.getItem(keyStorage) ?? "");
/** Whether the server was found to want a key, or was given one. */
export const wantsKey = signal(sessionStorage.getItem(keyStorage) !== null);
export const client = computed(() => new MetropolisClient({ baseUrl, apiKey: apiKey.value }));

/** What a look at the server came to. */
type Seen =
  | { readonly state: "ready"; readonly model: Model | undefined }
  | { readonly state: "unreachable" }
  | { readonly state: "key needed"; readonly refusal: unknown };

/** The look that counts. */
let latest: Promise<Seen> | undefined;
/** The key whose refusal was said: once is enough, however often the server is asked. */
let refusedKey: string | undefined;

export function giveKey(key: string): void {
  // What runs is asked by another key: its refusal would be taken for this one's.
  cancel();
  sessionStorage.setItem(keyStorage, key);
  apiKey.value = key;
  refusedKey = undefined;
  serverState.value = "connecting";
  void check();
}

effect(() => {
  if (problem.value?.control !== keyControl) return;
  // A server that was started anew may want a key that its predecessor did not: a run is the first to hear of it.
  wantsKey.value = true;
  serverState.value = "key needed";
  refusedKey = apiKey.peek();
  // A look that is under way began before.
  latest = undefined;
});

/** Looks after the server as long as the page is open, so that a restart is seen. */
export async function watchServer(): Promise<never> {
  for (;;) {
    if (!document.hidden) await check();
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}

/** @returns when the server was started; undefined where it does not answer, or not well */
async function askForHealth(signal: AbortSignal): Promise<number | undefined> {
  try {
    const reply = await fetch(new URL("health", baseUrl), { signal });
    return reply.ok ? ((await reply.json()) as { readonly started_at: number }).started_at : undefined;
  } catch {
    return undefined;
  }
}

async function check(): Promise<void> {
  const key = apiKey.value;
  const look = (latest = lookAtServer());
  const seen = await look;
  // One that began later, by another key, may have been answered before.
  if (look === latest) take(seen, key);
}

async function lookAtServer(): Promise<Seen> {
  const signal = AbortSignal.timeout(patienceMs);
  // Once it is known, asking for its health says enough, and needs no key.
  if (serverState.value === "ready") {
    const startedAt = await askForHealth(signal);
    if (startedAt === undefined) return { state: "unreachable" };
    // A server that was started anew in between may have another model.
    if (startedAt === model.value?.created) return { state: "ready", model: model.value };
  }
  try {
    const [served] = await client.value.models({ signal });
    return { state: "ready", model: served };
  } catch (error) {
    return isKeyRefusal(error) ? { state: "key needed", refusal: error } : { state: "unreachable" };
  }
}

function take(seen: Seen, key: string): void {
  serverState.value = seen.state;
  if (seen.state === "ready") {
    model.value = seen.model;
    if (problem.value?.control === keyControl) problem.value = undefined;
  } else if (seen.state === "key needed") {
    wantsKey.value = true;
    if (key !== "" && key !== refusedKey) showProblem(seen.refusal);
  }
}
