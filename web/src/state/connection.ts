import { computed, signal } from "@preact/signals";
import { ClientError, MetropolisClient } from "../../../src/client/client.ts";
import type { Model } from "../../../src/client/client.ts";

/** Where the server is: a proxy may serve it under any path. */
export const baseUrl = new URL(".", document.baseURI).href;
/** Other servers of the same origin want other keys. */
const keyStorage = `metropolis-api-key ${baseUrl}`;
const pollMs = 2000;

export type ServerState = "connecting" | "ready" | "unreachable" | "key needed";

/** Whether the server behind this page answers. */
export const serverState = signal<ServerState>("connecting");
/** The model that is served, once that is known. */
export const model = signal<Model | undefined>(undefined);
export const apiKey = signal(sessionStorage.getItem(keyStorage) ?? "");
/** Whether the server was found to want a key, or was given one. */
export const wantsKey = signal(sessionStorage.getItem(keyStorage) !== null);
export const client = computed(() => new MetropolisClient({ baseUrl, apiKey: apiKey.value }));

export function giveKey(key: string): void {
  sessionStorage.setItem(keyStorage, key);
  apiKey.value = key;
  serverState.value = "connecting";
  void check();
}

/** Looks after the server as long as the page is open, so that a restart is seen. */
export async function watchServer(): Promise<never> {
  for (;;) {
    if (!document.hidden) await check();
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}

async function check(): Promise<void> {
  // Once it is known, asking for its health says enough, and needs no key.
  if (serverState.value === "ready") {
    const isAlive = await fetch(new URL("health", baseUrl)).then(
      ({ ok }) => ok,
      () => false,
    );
    if (!isAlive) serverState.value = "unreachable";
    return;
  }
  try {
    const [served] = await client.value.models();
    model.value = served;
    serverState.value = "ready";
  } catch (error) {
    const isLocked = error instanceof ClientError && error.code === "invalid_api_key";
    if (isLocked) wantsKey.value = true;
    serverState.value = isLocked ? "key needed" : "unreachable";
  }
}
