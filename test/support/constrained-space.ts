import type { TokenId, TokenIds } from "../../src/core/tokens.ts";
import type { Engine } from "../../src/engine/engine.ts";
import type { TokenConstraint } from "../../src/engine/token-constraint.ts";
import { Constraints } from "../../src/grammar/constraints.ts";
import type { Language } from "../../src/grammar/constraint.ts";
import type { Completion, CompletionToken } from "../../src/mcmc/completion.ts";
import { sharingIn } from "./state-space.ts";
import type { Law, StateSpace } from "./state-space.ts";
import { never } from "./toy-engine.ts";
import { enumerate } from "./toy-model.ts";
import type { EnumeratedCompletion, ToyModel } from "./toy-model.ts";

/** What tokens of a toy spell; the last one, its end, spells nothing. */
export type Spelling = readonly string[];

export const textOf = (tokens: TokenIds, spelling: Spelling): string =>
  tokens.map((token) => spelling[token] ?? "").join("");

/** A language over the tokens of a toy model. */
export function constraintOf(language: Language, spelling: Spelling, endToken: TokenId): TokenConstraint {
  const constraints = new Constraints(() => ({
    size: endToken + 1,
    bytesOf: (token) => (spelling[token] === undefined ? undefined : Buffer.from(spelling[token])),
  }));
  return constraints.compile({ language, field: "structured_outputs" }, new Set([endToken]));
}

export interface ConstrainedOptions {
  readonly prompt: TokenIds;
  readonly horizon: number;
  readonly law: Law;
  readonly constraint: TokenConstraint;
}

/** All that an engine draws under a constraint, with what it says of the tokens. */
export async function constrainedSpace(
  engine: Engine,
  endToken: TokenId,
  { prompt, horizon, law, constraint }: ConstrainedOptions,
): Promise<StateSpace> {
  const states: Completion[] = [];
  const visit = async (kept: Completion): Promise<void> => {
    if (kept.length === horizon || kept.at(-1)?.ends === true) {
      states.push(kept);
      return;
    }
    for (const token of await nextTokens(kept)) await visit([...kept, token]);
  };
  async function nextTokens(kept: Completion): Promise<CompletionToken[]> {
    using stream = engine.extend(
      {
        prefix: [...prompt, ...kept.map(({ token }) => token)],
        promptLength: prompt.length,
        maxTokens: 1,
        endTokens: new Set([endToken]),
        sampling: { inverseTemperature: law.inverseTemperature },
        constraint,
        draws: { seed: 0, choice: 0, stage: 0, step: 0 },
        topCount: engine.info.vocabularySize,
      },
      never,
    );
    const [drawn] = (await stream.pull())!;
    const { top, logNormalizer, entropy } = drawn!;
    return Array.from(top!.ids).flatMap((token, rank) => {
      const logprob = top!.logprobs[rank]!;
      if (logprob === -Infinity) return [];
      const scored = { token, logprob, logNormalizer, entropy };
      return [token === endToken ? { ...scored, ends: true as const } : scored];
    });
  }
  await visit([]);
  const completions = states.map((state) => ({
    tokens: state.map(({ token }) => token),
    logprob: state.reduce((sum, { logprob }) => sum + logprob, 0),
  }));
  return { completions, states, horizon, law, sharing: sharingIn(states, law) };
}

/** Completions of a model that are whole and allowed, and those that the horizon cuts off on the way to such. */
export function allowedOf(
  model: ToyModel,
  { prompt, horizon }: { readonly prompt: TokenIds; readonly horizon: number },
  {
    isWhole,
    isBegun,
  }: { readonly isWhole: (tokens: TokenIds) => boolean; readonly isBegun: (tokens: TokenIds) => boolean },
): EnumeratedCompletion[] {
  return enumerate(model, prompt, horizon).filter(({ tokens }) =>
    tokens.at(-1) === model.endToken ? isWhole(tokens.slice(0, -1)) : isBegun(tokens),
  );
}
