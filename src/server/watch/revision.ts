import { toUnits } from "../../core/code-points.ts";
import type { EventOf, WatchedToken } from "./messages.ts";

/** The text of a choice as its revisions have left it. */
export interface RevisedText {
  readonly text: string;
  readonly tokens: readonly WatchedToken[];
}

type Revision = Pick<EventOf<"revision">, "from_char" | "from_token" | "text" | "tokens">;

export const noText: RevisedText = { text: "", tokens: [] };

/** Keeps what stands before the revision's character and token, and puts its own behind. */
export function revise({ text, tokens }: RevisedText, revision: Revision): RevisedText {
  return {
    text: text.slice(0, toUnits(text, revision.from_char)) + revision.text,
    tokens: [...tokens.slice(0, revision.from_token), ...revision.tokens],
  };
}

/** One revision that does what two do, one after the other. */
export function joinRevisions(first: EventOf<"revision">, second: EventOf<"revision">): EventOf<"revision"> {
  const from_char = Math.min(first.from_char, second.from_char);
  const from_token = Math.min(first.from_token, second.from_token);
  const { text, tokens } = revise(first, {
    ...second,
    from_char: Math.max(0, second.from_char - first.from_char),
    from_token: Math.max(0, second.from_token - first.from_token),
  });
  return { ...second, from_char, from_token, text, tokens: [...tokens] };
}
