import { toCodePoints, toUnits } from "../core/code-points.ts";
import type { ScoredToken } from "../core/tokens.ts";
import type { StageEvent } from "../mcmc/stages.ts";
import { logProbability } from "../mcmc/completion.ts";
import type { Completion } from "../mcmc/completion.ts";
import type { ChainLength } from "../samplers/decoder.ts";
import type { ChainTrace, TracedToken } from "./completer.ts";
import type { CompletionText } from "./completion-text.ts";
import { TextStream } from "./text-stream.ts";

interface PlacedText {
  readonly text: string;
  readonly tokens: readonly TracedToken[];
}

/** Tells what a chain does, and how the text of its state changes, for the clients that watch it. */
export class ChainTracer {
  readonly #text: CompletionText;
  readonly #chain: ChainLength;
  #shown: PlacedText = { text: "", tokens: [] };

  constructor(text: CompletionText, chain: ChainLength) {
    this.#text = text;
    this.#chain = chain;
  }

  *follow(event: StageEvent): Generator<ChainTrace, void, undefined> {
    if (event.type === "block") {
      const { stage, horizon, state } = event;
      yield { type: "block", block: stage + 1, horizon, ...this.#chain };
      yield* this.#revise(state, { block: stage + 1, step: 0 });
      return;
    }
    const { info, previous, state } = event;
    const at = { block: event.address.stage + 1, step: event.address.step };
    const { outcome, cut, suffix, logRatio } = info;
    const proposed = this.#place([...previous.slice(0, cut), ...suffix]);
    const tokens = proposed.tokens.slice(cut);
    const fromChar = tokens[0]!.offset;
    yield {
      type: "proposal",
      ...at,
      cut,
      fromChar,
      text: proposed.text.slice(toUnits(proposed.text, fromChar)),
      tokens,
      logRatio,
    };
    const probability = Math.min(1, Math.exp(logRatio));
    const swapped = (info.swaps?.toAnswer ?? 0) > 0;
    yield { type: "decision", ...at, outcome, probability, swapped, logprob: logProbability(state) };
    // An accepted proposal, or a swap with a hotter replica whatever became of the proposal.
    if (state !== previous) yield* this.#revise(state, at);
  }

  /** Reports from where on the text differs from what was shown last, if it does. */
  *#revise(
    state: Completion,
    at: { readonly block: number; readonly step: number },
  ): Generator<ChainTrace, void, undefined> {
    const before = this.#shown;
    const now = this.#place(state);
    this.#shown = now;
    const fromToken = commonLength(
      before.tokens,
      now.tokens,
      (a, b) => a.token === b.token && a.offset === b.offset,
    );
    const same = commonLength(Array.from(before.text), Array.from(now.text), (a, b) => a === b);
    const isSame =
      fromToken === before.tokens.length && fromToken === now.tokens.length && before.text === now.text;
    if (isSame) return;
    yield {
      type: "revision",
      ...at,
      fromChar: same,
      fromToken,
      text: now.text.slice(toUnits(now.text, same)),
      tokens: now.tokens.slice(fromToken),
      logprob: logProbability(state),
    };
  }

  /** The text that a completion would be released as if it were final. */
  #place(completion: readonly ScoredToken[]): PlacedText {
    const stream = new TextStream(this.#text);
    const parts = [...completion.map((token) => stream.push(token)), stream.flush()];
    const text = parts.map((part) => part.text).join("");
    const tokens = parts.flatMap((part) => part.tokens);
    const offsets = toCodePoints(
      text,
      tokens.map(({ offset }) => offset),
    );
    return {
      text,
      tokens: tokens.map(({ token, logprob, entropy }, index) => ({
        token,
        offset: offsets[index]!,
        logprob,
        entropy,
      })),
    };
  }
}

function commonLength<Value>(
  left: readonly Value[],
  right: readonly Value[],
  isSame: (left: Value, right: Value) => boolean,
): number {
  const shorter = Math.min(left.length, right.length);
  let length = 0;
  while (length < shorter && isSame(left[length]!, right[length]!)) length++;
  return length;
}
