import type { WatchEvent } from "./messages.ts";
import { joinRevisions } from "./revision.ts";

/**
 * What a reader of one request has missed, boiled down to the latest state: the last block, proposal, decision and
 * progress of each choice, the last votes of each prompt, one revision for all of them, and its committed text in one piece. Its size is that of
 * the answer, however long the reader stays away.
 */
export class Backlog {
  readonly #events = new Map<string, WatchEvent>();

  get isEmpty(): boolean {
    return this.#events.size === 0;
  }

  add(event: WatchEvent): void {
    const key = keyOf(event);
    const earlier = this.#events.get(key);
    // The latest comes last.
    this.#events.delete(key);
    this.#events.set(key, earlier === undefined ? event : join(earlier, event));
  }

  /** Hands over what there is, and forgets it. */
  take(): WatchEvent[] {
    const events = [...this.#events.values()];
    this.#events.clear();
    return events;
  }
}

/** Whose events supersede one another. */
function keyOf(event: WatchEvent): string {
  if ("index" in event) return `${event.type} ${event.index}`;
  return event.type === "votes" ? `votes ${event.votes.prompt}` : event.type;
}

function join(earlier: WatchEvent, later: WatchEvent): WatchEvent {
  if (earlier.type === "revision" && later.type === "revision") return joinRevisions(earlier, later);
  if (earlier.type === "token" && later.type === "token") {
    return { ...later, text: earlier.text + later.text, tokens: [...earlier.tokens, ...later.tokens] };
  }
  return later;
}
