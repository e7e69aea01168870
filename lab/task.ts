import { threefry4x32 } from "../src/core/random.ts";
import type { Words } from "../src/core/random.ts";
import type { Stream } from "./stream.ts";

/** A task for an embedded model: prompts, demonstrations of several routes to an answer, and a grader. */
export interface Task<Route extends string = string> {
  /** Also the model's name. */
  readonly name: string;
  readonly vocabulary: Vocabulary;
  readonly routes: readonly Route[];
  /** Longest prompt and response, in characters, end token aside. */
  readonly maxPromptLength: number;
  readonly maxResponseLength: number;
  /** A prompt of the kind that training uses. */
  readonly drawPrompt: (stream: Stream) => string;
  /** A demonstration of the training mixture. */
  readonly drawDemonstration: (prompt: string, stream: Stream) => string;
  /** The held-out prompts, none of which training sees. */
  readonly testPrompts: (count: number) => readonly string[];
  /** The answer that counts, as a response ends in it. */
  readonly keyOf: (prompt: string) => string;
  readonly isCorrect: (prompt: string, response: string) => boolean;
  readonly routeOf: (prompt: string, response: string) => Route;
}

/** Size of the test set that comes with a model. */
export const testSize = 400;

/** Characters as tokens: ids in the order of the alphabet, then the end token and the padding. */
export class Vocabulary {
  readonly alphabet: string;

  constructor(alphabet: string) {
    this.alphabet = alphabet;
  }

  get endToken(): number {
    return this.alphabet.length;
  }

  get padToken(): number {
    return this.alphabet.length + 1;
  }

  get size(): number {
    return this.alphabet.length + 2;
  }

  encode(text: string): number[] {
    return Array.from(text, (character) => {
      const id = this.alphabet.indexOf(character);
      if (id < 0) throw new Error(`'${character}' is not in the alphabet`);
      return id;
    });
  }

  /** The end token and the padding have no character. */
  decode(ids: readonly number[]): string {
    return ids.map((id) => this.alphabet[id] ?? "").join("");
  }
}

/** A hash of a prompt, uniform in [0, 1): decides what no policy can know. */
export function hashOf(prompt: string): number {
  let words: Words = [0, 0, 0, 0];
  for (const character of prompt) words = threefry4x32(words, [character.codePointAt(0)!, 0, 0, 0]);
  return words[0] / 0x1_0000_0000;
}
