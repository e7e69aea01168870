import type { TokenIds } from "../core/tokens.ts";

/** What is foretold of a text. A guess: nothing rests on it but time. */
export interface Foretold {
  readonly tokens: TokenIds;
  /** Tokens that the text has in common with where they were said. */
  readonly matched: number;
  /** The share of foretold tokens that were said after a match of so many. */
  readonly holds: (matched: number) => number;
}

/** A text that grows, and is foretold by others and by itself. */
export interface FollowedText {
  /** At most so many tokens that may come next; `undefined` where nothing like it was said. */
  foretell(most: number): Foretold | undefined;
  /** Takes note of what was said in it since the last time, and of whether that had been foretold. */
  note(): void;
}

/** What was said after one prompt. */
export interface Said {
  /** @param text begins with the prompt; grows from outside */
  follow(text: TokenIds): FollowedText;
}

/** What was said, by prompt. */
export interface SaidByPrompt {
  /** What all completions of a prompt share. */
  share(prompt: TokenIds): Said;
  /** For an isolated completion alone. */
  own(prompt: TokenIds): Said;
}
