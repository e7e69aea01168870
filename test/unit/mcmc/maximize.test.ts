import { describe, expect, it } from "vitest";
import { hasEnded, logProbability } from "../../../src/mcmc/completion.ts";
import type { Completion } from "../../../src/mcmc/completion.ts";
import { uniformCut } from "../../../src/mcmc/cut.ts";
import { climbing, maximize } from "../../../src/mcmc/maximize.ts";
import { Stages } from "../../../src/mcmc/stages.ts";
import type { Driver } from "../../../src/mcmc/stages.ts";
import { drive } from "../../support/toy-chain.ts";
import type { ChainRun } from "../../support/toy-chain.ts";
import { createToyEngine } from "../../support/toy-engine.ts";
import { createToyModel, enumerate } from "../../support/toy-model.ts";
import type { ToyModel } from "../../support/toy-model.ts";

const prompt = [0, 1];
const maxTokens = 4;
const model = createToyModel({ seed: 3, vocabularySize: 3, endBias: 0.5 });

const settings = {
  prompt,
  endToken: model.endToken,
  alpha: Infinity,
  inverseTemperature: 1,
  maxTokens,
  blockSize: 1,
  steps: 2,
};

const searching = maximize(uniformCut);

/** Climbs as the search does, and goes back to nothing. */
const forgetful: Driver = {
  rowsPerStep: 1,
  run: async function* (stageSettings) {
    const stages = new Stages(climbing(uniformCut), stageSettings);
    yield* stages.run();
    return stages.result;
  },
};

interface Searched {
  readonly answer: Completion;
  /** States in the order they came, by stage. */
  readonly stages: readonly (readonly Completion[])[];
  /** log p of every completion that was drawn to its end, accepted or not. */
  readonly ended: readonly number[];
}

async function search(
  changes: Partial<ChainRun> & { seed: number },
  { model: searched = model, driver = searching }: { model?: ToyModel; driver?: Driver } = {},
): Promise<Searched> {
  await using engine = createToyEngine({ model: searched });
  const stages: Completion[][] = [];
  const ended: number[] = [];
  const { state: answer } = await drive(
    engine,
    {
      ...settings,
      ...changes,
      onState: (state, event) => {
        if (event.type === "block") stages.push([]);
        stages.at(-1)!.push(state);
        const proposal =
          event.type === "step" ? [...event.previous.slice(0, event.info.cut), ...event.info.suffix] : state;
        if (hasEnded(proposal)) ended.push(logProbability(proposal));
      },
    },
    driver,
  );
  return { answer, stages, ended };
}

const seeds = Array.from({ length: 40 }, (_, seed) => seed);

describe("the search for the likeliest completion", () => {
  it("never comes to a less likely one by a step, and never by a stage once it has ended", async () => {
    let climbs = 0;
    for (const seed of seeds) {
      const { stages } = await search({ seed });
      const states = stages.flat();
      for (const [index, state] of states.slice(1).entries()) {
        const before = states[index]!;
        const isDraft = stages.some(([draft]) => draft === state);
        if (isDraft && !hasEnded(before)) continue;
        expect(logProbability(state)).toBeGreaterThanOrEqual(logProbability(before));
        if (logProbability(state) > logProbability(before)) climbs++;
      }
    }
    expect(climbs).toBeGreaterThan(10);
  });

  it("answers with the likeliest it has seen end, which an earlier stage may have passed by", async () => {
    let lost = 0;
    for (const seed of seeds) {
      const { answer, ended } = await search({ seed });
      expect(logProbability(answer)).toBeGreaterThanOrEqual(Math.max(-Infinity, ...ended));
      const forgotten = await search({ seed }, { driver: forgetful });
      if (logProbability(forgotten.answer) < Math.max(-Infinity, ...forgotten.ended)) lost++;
    }
    expect(lost).toBeGreaterThan(0);
  });

  it("finds the likeliest of all, given the steps", async () => {
    const best = enumerate(model, prompt, maxTokens).toSorted((a, b) => b.logprob - a.logprob)[0]!;
    for (const seed of seeds.slice(0, 10)) {
      const { answer } = await search({ seed, steps: 150 });
      expect(answer.map(({ token }) => token)).toEqual(best.tokens);
    }
  });

  it("is the same with and without early rejection", async () => {
    const tokensOf = ({ stages }: Searched) => stages.flat().map((state) => state.map(({ token }) => token));
    for (const seed of seeds.slice(0, 10)) {
      const patient = await search({ seed, earlyRejection: false });
      expect(tokensOf(await search({ seed }))).toEqual(tokensOf(patient));
    }
    // Here a later stage goes back to a proposal that ended, and was less likely than the state then.
    const run = { seed: 63, maxTokens: 8, blockSize: 2, steps: 5 };
    const reluctant = createToyModel({ seed: 3, vocabularySize: 3, endBias: -1 });
    const patient = await search({ ...run, earlyRejection: false }, { model: reluctant });
    expect(tokensOf(await search(run, { model: reluctant }))).toEqual(tokensOf(patient));
  });
});
