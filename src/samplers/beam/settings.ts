import { z } from "zod";
import { InferenceError } from "../../core/errors.ts";
import { costFields, settleCost } from "../cost.ts";
import type { CostSettings } from "../cost.ts";
import { field } from "../field.ts";
import type { Values } from "../field.ts";
import { declareSampler } from "../sampler.ts";
import type { SettingsContext } from "../sampler.ts";
import { beamReport } from "./report.ts";

export interface BeamSettings extends CostSettings {
  readonly beamWidth: number;
  readonly lengthPenalty: number;
  /** Completions of each prompt: each is another one of the best. */
  readonly candidates: number;
}

const usualWidth = 4;

/** At a context of millions of tokens, length^penalty is still a number. */
const mostPenalty = 10;

const fields = {
  beam_width: field(z.number().int().min(1).max(256), {
    meaning:
      "Completions that are searched side by side; 1 is greedy. n of them are the answer, the best first, and no two are the same.",
    usual: `${usualWidth}, or n where that is more; with use_beam_search n, as in vLLM`,
    example: usualWidth,
    label: "Beams",
  }),
  length_penalty: field(z.number().min(-mostPenalty).max(mostPenalty), {
    meaning:
      "Of what is found, the best has the largest log p / length^length_penalty; length is that of prompt and completion without an end token, as in vLLM. 0 is the likeliest; the more, the longer.",
    usual: "1",
    example: 0,
    neutral: [1],
    label: "Length penalty",
  }),
  use_beam_search: field(z.boolean(), {
    meaning: "What vLLM's clients ask for this sampler by: true needs no sampler beside it.",
    usual: "false",
    example: true,
    neutral: [false],
    picks: true,
  }),
  ...costFields,
};

type Given = Values<typeof fields>;

const noDraw = "a search draws nothing";

export const beam = declareSampler({
  label: "Beam search",
  summary:
    "writes beam_width beginnings side by side and goes on with the likeliest; a search for the likeliest answers, which draws none",
  ignoresSeed: true,
  ranksChoices: true,
  fields,
  instead: { temperature: noDraw, top_p: noDraw, top_k: noDraw, min_p: noDraw, particles: "set beam_width" },
  report: beamReport,
  held: (given, _defaults, candidates) => widthOf(given, candidates),
  settle(given, { candidates, n }: SettingsContext): BeamSettings {
    if (given.use_beam_search === true && candidates > n) {
      throw new InferenceError(
        "invalid_request",
        "best_of with use_beam_search was the number of beams in vLLM, of which the n best are the answer: send beam_width in its place.",
        { param: "best_of" },
      );
    }
    const beamWidth = widthOf(given, candidates);
    if (beamWidth < candidates) {
      const [name, value] = candidates > n ? ["best_of", candidates] : ["n", n];
      throw new InferenceError(
        "invalid_request",
        `beam_width of ${beamWidth} is less than ${name} of ${value}: as many beams are needed as completions. Raise it, or lower ${name}.`,
        { param: "beam_width" },
      );
    }
    return {
      beamWidth,
      lengthPenalty: given.length_penalty ?? 1,
      candidates,
      ...settleCost(given),
    };
  },
  inverseTemperature: () => 1,
});

function widthOf({ beam_width: width, use_beam_search: isAsVllm }: Given, candidates: number): number {
  return width ?? (isAsVllm === true ? candidates : Math.max(usualWidth, candidates));
}
