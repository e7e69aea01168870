import type { Engine } from "../../src/engine/engine.ts";
import { heldByLocal, knowsAll, owning } from "./engine-subject.ts";
import type { EngineSubject } from "./engine-subject.ts";
import { createToyEngine } from "../support/toy-engine.ts";
import type { ToySettings } from "../support/toy-engine.ts";
import { createToyModel, logSoftmax } from "../support/toy-model.ts";

/** The local engine over an enumerable model, and what is put around it. */
export function toySubject({
  vocabularySize = 6,
  runner = {},
  wrap,
}: {
  readonly vocabularySize?: number;
  readonly runner?: Pick<ToySettings, "maxRowTokens" | "longRows">;
  readonly wrap?: (engine: Engine) => Engine;
} = {}): EngineSubject {
  const model = createToyModel({ seed: 9, vocabularySize });
  return {
    open: ({ onPass, isPoisoned } = {}) => {
      const engine = createToyEngine({
        model,
        lanes: 2,
        ...(onPass === undefined ? {} : { onStep: onPass }),
        ...(isPoisoned === undefined ? {} : { isPoisoned }),
        ...runner,
        scheduler: { prefillChunk: 3 },
      });
      return wrap === undefined ? engine : owning(engine, wrap(engine));
    },
    vocabularySize,
    prompt: [0, 1, 2],
    lawAfter: (prefix) => logSoftmax(model.logits(prefix)),
    tolerance: 1e-6,
    held: heldByLocal,
    lacks: knowsAll,
  };
}
