import { computed, effect, signal } from "@preact/signals";
import { MetropolisClient } from "../../../src/client/client.ts";
import type { Model } from "../../../src/client/client.ts";
import { isKeyRefusal, keyControl, problem, showProblem } from "./problem.ts";

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

/** The key whose refusal was said: once is enough, however often the server is asked. */
let refusedKey: string | undefined;

export function giveKey(key: string): void {
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
  const signal = AbortSignal.timeout(patienceMs);
  // Once it is known, asking for its health says enough, and needs no key.
  if (serverState.value === "ready") {
    const startedAt = await askForHealth(signal);
    if (startedAt === undefined) serverState.value = "unreachable";
    // A server that was started anew in between may have another model.
    if (startedAt === undefined || startedAt === model.value?.created) return;
  }
  const key = apiKey.value;
  try {
    const [served] = await client.value.models({ signal });
    model.value = served;
    serverState.value = "ready";
    if (problem.value?.control === keyControl) problem.value = undefined;
  } catch (error) {
    if (!isKeyRefusal(error)) {
      serverState.value = "unreachable";
      return;
    }
    wantsKey.value = true;
    serverState.value = "key needed";
    if (key !== "" && key !== refusedKey) showProblem(error);
  }
}
