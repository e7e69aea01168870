import { MemoEngine } from "../../src/engine/memo/memo-engine.ts";
import type { Engine } from "../../src/engine/engine.ts";
import { createToyEngine } from "../support/toy-engine.ts";
import type { ToySettings } from "../support/toy-engine.ts";
import { testEngine } from "./engine.contract.ts";

/** A memo that owns the engine it wraps, as the suite expects. */
class OwningMemo extends MemoEngine {
  readonly #owned: Engine;

  constructor(owned: Engine) {
    super(owned);
    this.#owned = owned;
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    await this.#owned[Symbol.asyncDispose]();
  }
}

testEngine(
  "MemoEngine around LocalEngine",
  (settings: ToySettings) => new OwningMemo(createToyEngine(settings)),
);
