import { noSteps } from "../../mcmc/diagnostics.ts";
import type { ChainDiagnostics } from "../../mcmc/diagnostics.ts";
import type { Try } from "../../mcmc/rejection.ts";
import type { StageEvent } from "../../mcmc/stages.ts";

/** Tries as a watcher of chains sees them: steps of one block, each a proposal from its first token on to no completion. */
export class TryEvents {
  readonly #horizon: number;
  #diagnostics: ChainDiagnostics = noSteps;

  constructor(horizon: number) {
    this.#horizon = horizon;
  }

  *of({ completion, outcome, logRatio }: Try): Generator<StageEvent, void, undefined> {
    if (this.#diagnostics.steps === 0) {
      const diagnostics = this.#diagnostics;
      yield { type: "block", stage: 0, horizon: this.#horizon, state: [], diagnostics };
    }
    const { steps, drawnTokens } = this.#diagnostics;
    const diagnostics = {
      ...this.#diagnostics,
      steps: steps + 1,
      drawnTokens: drawnTokens + completion.length,
      [outcome]: this.#diagnostics[outcome] + 1,
    };
    this.#diagnostics = diagnostics;
    yield {
      type: "step",
      address: { stage: 0, step: diagnostics.steps },
      info: { outcome, cut: 0, suffix: completion, logRatio, drawnTokens: completion.length },
      previous: [],
      state: outcome === "accepted" ? completion : [],
      diagnostics,
    };
  }
}
