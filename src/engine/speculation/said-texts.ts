import type { TokenIds } from "../../core/tokens.ts";
import type { FollowedText, Said } from "../said.ts";
import { ForetoldText } from "./foretold-text.ts";
import type { SuffixIndex } from "./suffix-index.ts";

/** What was said after one prompt, by its index. */
export class SaidTexts implements Said {
  readonly index: SuffixIndex;

  constructor(index: SuffixIndex) {
    this.index = index;
  }

  follow(text: TokenIds): FollowedText {
    return new ForetoldText(this.index, text);
  }
}
