/** Follows one JSON value through a text, character by character: where it ends, and no more. */
export class JsonValue {
  #depth = 0;
  #isText = false;
  #isEscaped = false;
  #isBare = false;

  /**
   * What a character is to the value: `before` it, `within` it, its `last`, or `behind` it, as what follows a bare word or
   * number is.
   */
  push(character: string): "before" | "within" | "last" | "behind" {
    if (this.#isText) return this.#inText(character);
    if (this.#isBare && /[\s,\]}]/.test(character)) return "behind";
    switch (character) {
      case '"':
        this.#isText = true;
        return "within";
      case "{":
      case "[":
        this.#depth++;
        return "within";
      case "}":
      case "]":
        return --this.#depth <= 0 ? "last" : "within";
      default:
        if (this.#depth === 0 && /\s/.test(character)) return "before";
        this.#isBare = this.#depth === 0;
        return "within";
    }
  }

  #inText(character: string): "within" | "last" {
    if (this.#isEscaped) this.#isEscaped = false;
    else if (character === "\\") this.#isEscaped = true;
    else if (character === '"') {
      this.#isText = false;
      if (this.#depth === 0) return "last";
    }
    return "within";
  }
}
