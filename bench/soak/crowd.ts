import { setTimeout as sleep } from "node:timers/promises";
import { Stream } from "../../lab/stream.ts";
import { HttpClient, drawHabit } from "./http-client.ts";
import type { SoakTarget } from "./http-client.ts";
import { kinds, watched } from "./requests.ts";
import type { Workload } from "./requests.ts";
import { Tally } from "./tally.ts";
import type { Outcome } from "./tally.ts";
import { watchOnce } from "./watcher.ts";

/** Watched completions of a hundred requests; what is left of these are connections that idle. */
const watchShare = 6;

/** Clients that speak from one address. */
const clientsPerAddress = 20;

/** Longest pause of a client between an answer and its next request, ms. */
const longestPauseMs = 200;

/** Many clients of every kind at one server, each asking again as soon as it has been answered or has left. */
export class Crowd {
  readonly #url: URL;
  readonly #load: Workload;
  #nextPrompt = 0;
  #storms = 0;

  constructor(url: string, load: Workload) {
    this.#url = new URL(url);
    this.#load = load;
  }

  get distinctPrompts(): number {
    return Math.min(this.#nextPrompt, this.#load.prompts.length);
  }

  /** Runs so many clients until the signal; all have closed their connections when this settles. */
  async storm(clients: number, ending: AbortSignal, tally = new Tally()): Promise<void> {
    const storm = this.#storms++;
    const run = (index: number): Promise<void> =>
      this.#client(this.#targetOf(index), { draw: new Stream(storm, index), ending, tally });
    await Promise.all(Array.from({ length: clients }, (_, index) => run(index)));
  }

  /** On Linux all of 127.0.0.0/8 is this machine. */
  #targetOf(client: number): SoakTarget {
    const { hostname, port } = this.#url;
    const last = 1 + Math.floor(client / clientsPerAddress);
    const localAddress = process.platform === "linux" ? `127.0.0.${1 + (last % 250)}` : undefined;
    return { host: hostname, port: Number(port), localAddress };
  }

  async #client(target: SoakTarget, { draw, ending, tally }: Life): Promise<void> {
    const client = new HttpClient(target, draw, ending);
    const pause = (): Promise<unknown> =>
      sleep(draw.integer(0, longestPauseMs), undefined, { signal: ending }).catch(() => undefined);
    // Not all at once.
    await pause();
    while (!ending.aborted) {
      const kind = drawKind(draw);
      const started = performance.now();
      const outcome = await this.#perform(kind, target, { client, draw, ending });
      tally.add(kind, outcome, performance.now() - started);
      await pause();
    }
    client.close();
  }

  #perform(kind: string, target: SoakTarget, { client, draw, ending }: Performer): Promise<Outcome> {
    if (kind === "idle") return client.idle();
    const prompt = this.#load.prompts[this.#nextPrompt++ % this.#load.prompts.length]!;
    const habit = drawHabit(draw);
    if (kind === "watch")
      return watchOnce({ target, body: watched(draw, prompt, this.#load), habit, draw, ending });
    return client.ask(kinds[kind]!.make(draw, prompt, this.#load), habit);
  }
}

interface Life {
  readonly draw: Stream;
  readonly ending: AbortSignal;
  readonly tally: Tally;
}

interface Performer extends Omit<Life, "tally"> {
  readonly client: HttpClient;
}

function drawKind(draw: Stream): string {
  let left = draw.uniform() * 100;
  for (const [kind, { share }] of [...Object.entries(kinds), ["watch", { share: watchShare }] as const]) {
    left -= share;
    if (left < 0) return kind;
  }
  return "idle";
}
