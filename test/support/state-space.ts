import { measure } from "../../src/sampling/measure.ts";
import type { TokenIds } from "../../src/core/tokens.ts";
import type { Completion, CompletionToken } from "../../src/mcmc/completion.ts";
import { enumerate, logSoftmax } from "./toy-model.ts";
import type { EnumeratedCompletion, ToyModel } from "./toy-model.ts";

export interface Law {
  readonly alpha: number;
  readonly inverseTemperature: number;
}

/** What a chain of a toy model may be in: every completion of a prompt at a horizon. */
export interface StateSpace {
  readonly completions: readonly EnumeratedCompletion[];
  /** The same with everything an engine says of their tokens. */
  readonly states: readonly Completion[];
  readonly horizon: number;
  readonly law: Law;
  /** The completions that keep the first `cut` tokens of a state, the state among them. */
  readonly sharing: (state: number, cut: number) => readonly SharedPrefix[];
}

/** A completion that begins as another does. */
export interface SharedPrefix {
  readonly index: number;
  /** q of the rest of it, given what is shared. */
  readonly mass: number;
}

export function stateSpace(
  model: ToyModel,
  { prompt, horizon, law }: { prompt: TokenIds; horizon: number; law: Law },
): StateSpace {
  const completions = enumerate(model, prompt, horizon);
  const scored = scorer(model, prompt, law);
  const states = completions.map(({ tokens }) =>
    tokens.map((_, position) => scored(tokens.slice(0, position + 1))),
  );
  return { completions, states, horizon, law, sharing: sharingIn(states, law) };
}

/** What an engine says of the last token of a completion. Completions that begin alike share what it says of that. */
function scorer(
  model: ToyModel,
  prompt: TokenIds,
  { inverseTemperature }: Law,
): (tokens: TokenIds) => CompletionToken {
  const known = new Map<string, CompletionToken>();
  const score = (tokens: TokenIds): CompletionToken => {
    const token = tokens.at(-1)!;
    const logits = model.logits([...prompt, ...tokens.slice(0, -1)]);
    const { logNormalizer, entropy } = measure(logits, inverseTemperature);
    const logprob = logSoftmax(logits)[token]!;
    const scores = { token, logprob, logNormalizer, entropy };
    return token === model.endToken ? { ...scores, ends: true } : scores;
  };
  return (tokens) => {
    const key = tokens.join();
    const token = known.get(key) ?? score(tokens);
    known.set(key, token);
    return token;
  };
}

export function sharingIn(states: readonly Completion[], { inverseTemperature }: Law): StateSpace["sharing"] {
  const logQ = ({ logprob, logNormalizer }: CompletionToken): number =>
    inverseTemperature * logprob - logNormalizer;
  const groups = new Map<string, SharedPrefix[]>();
  const keyOf = (state: Completion, cut: number): string =>
    state
      .slice(0, cut)
      .map(({ token }) => token)
      .join();
  for (const [index, state] of states.entries()) {
    for (let cut = 0; cut < state.length; cut++) {
      const key = keyOf(state, cut);
      const mass = Math.exp(state.slice(cut).reduce((sum, token) => sum + logQ(token), 0));
      const group = groups.get(key) ?? [];
      groups.set(key, group);
      group.push({ index, mass });
    }
  }
  return (state, cut) => groups.get(keyOf(states[state]!, cut))!;
}
