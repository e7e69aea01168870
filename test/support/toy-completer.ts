import { embeddedModel } from "../../src/assembly/embedded-model.ts";
import { LocalCompleter } from "../../src/decoder/local-completer.ts";
import { readModelFolder } from "../../src/decoder/model-folder.ts";
import { SaidStore } from "../../src/engine/speculation/said-store.ts";
import { MemoStore } from "../../src/engine/memo/memo-store.ts";
import { bytePrompts, byteTokenizer } from "./byte-tokenizer.ts";
import { createToyEngine } from "./toy-engine.ts";
import type { ToySettings } from "./toy-engine.ts";
import { createToyModel } from "./toy-model.ts";

/** Which of a chain's accelerations are on. */
export interface Switches {
  readonly memo: boolean;
  readonly earlyRejection: boolean;
  readonly prefetch: boolean;
  readonly speculation?: boolean;
}

export interface ToyCompleterSettings extends ToySettings {
  readonly switches?: Switches;
  /** Tokens are bytes, 200 of them, the last of which is the end; else they are the embedded model's. */
  readonly speaksBytes?: boolean;
  /** The files of the model do not say how long completions are. */
  readonly hasNoLength?: boolean;
}

/** The embedded model's tokenizer and names over a toy engine, whose runner can be made slow or faulty. */
export async function createToyCompleter({
  switches = { memo: false, earlyRejection: true, prefetch: false },
  speaksBytes = false,
  hasNoLength = false,
  ...settings
}: ToyCompleterSettings = {}): Promise<LocalCompleter> {
  const described = await readModelFolder(embeddedModel);
  const { defaults } = described.model;
  const model = hasNoLength
    ? { ...described.model, defaults: { ...defaults, maxTokens: undefined } }
    : described.model;
  const vocabularySize = speaksBytes ? 200 : 18;
  const description = speaksBytes
    ? {
        ...described,
        tokenizer: byteTokenizer(),
        prompts: bytePrompts(),
        model: { ...model, endTokenIds: [vocabularySize - 1] },
      }
    : { ...described, model };
  const engine = createToyEngine({
    model: createToyModel({ vocabularySize, endBias: -20, ...settings.toy }),
    capacity: 128,
    ...settings,
  });
  const memo = switches.memo ? new MemoStore(1_000_000) : undefined;
  const speculation = switches.speculation === true ? new SaidStore() : undefined;
  return new LocalCompleter(description, engine, { ...switches, memo, speculation });
}
