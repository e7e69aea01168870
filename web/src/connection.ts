import { ClientError, MetropolisClient } from "../../src/client/client.ts";
import type { Model } from "../../src/client/client.ts";
import { byId } from "./dom.ts";

/** Where the server is: a proxy may serve it under any path. */
const baseUrl = new URL(".", document.baseURI).href;
/** Other servers of the same origin want other keys. */
const keyStorage = `metropolis-api-key ${baseUrl}`;
const pollMs = 2000;

/** The server behind this page: its client, the key it may want, and whether it answers. */
export class Connection {
  readonly #onModel: (model: Model) => void;
  #client = createClient();
  #state = "connecting";

  /** @param onModel called with the model that is served, whenever that becomes known */
  constructor(onModel: (model: Model) => void) {
    this.#onModel = onModel;
    const field = byId<HTMLInputElement>("api-key");
    field.value = sessionStorage.getItem(keyStorage) ?? "";
    field.addEventListener("change", () => {
      sessionStorage.setItem(keyStorage, field.value);
      this.#client = createClient();
      this.#state = "connecting";
      void this.#check();
    });
  }

  get client(): MetropolisClient {
    return this.#client;
  }

  /** Looks after the server as long as the page is open, so that a restart is seen. */
  async watch(): Promise<never> {
    for (;;) {
      if (!document.hidden) await this.#check();
      await new Promise((resolve) => setTimeout(resolve, pollMs));
    }
  }

  async #check(): Promise<void> {
    // Once it is known, asking for its health says enough, and needs no key.
    if (this.#state === "ready") {
      const isAlive = await fetch(new URL("health", baseUrl)).then(
        ({ ok }) => ok,
        () => false,
      );
      if (!isAlive) this.#show("unreachable");
      return;
    }
    try {
      const [model] = await this.#client.models();
      byId("key-field").hidden = sessionStorage.getItem(keyStorage) === null;
      this.#show("ready");
      if (model !== undefined) this.#onModel(model);
    } catch (error) {
      const wantsKey = error instanceof ClientError && error.code === "invalid_api_key";
      if (wantsKey) byId("key-field").hidden = false;
      this.#show(wantsKey ? "key needed" : "unreachable");
    }
  }

  #show(state: string): void {
    this.#state = state;
    const status = byId("status");
    if (status.dataset.state === state) return;
    status.dataset.state = state;
    status.textContent = state;
  }
}

function createClient(): MetropolisClient {
  return new MetropolisClient({
    baseUrl,
    apiKey: sessionStorage.getItem(keyStorage) ?? "",
  });
}
