import { toCodePoints, toUnits } from "../core/code-points.ts";
import { pairsOf } from "../core/tokens.ts";
import type { ScoredToken } from "../core/tokens.ts";
import type { StageEvent } from "../mcmc/stages.ts";
import { logProbability } from "../mcmc/completion.ts";
import type { Completion } from "../mcmc/completion.ts";
import type { ChainLength } from "../samplers/decoder.ts";
import { traceNames } from "./completer.ts";
import type { ChainTrace, StepNumber, TraceName, TracedToken } from "./completer.ts";
import type { CompletionText } from "./completion-text.ts";
import { TextStream } from "./text-stream.ts";

interface PlacedText {
  readonly text: string;
  readonly tokens: readonly TracedToken[];
}

/** Tells what a chain does, and how the text of its state changes, for the clients that watch it: what they want of it. */
export class ChainTracer {
  readonly #text: CompletionText;
  readonly #wanted: ReadonlySet<TraceName>;
  #shown: PlacedText = { text: "", tokens: [] };

  constructor(text: CompletionText, wanted: Iterable<TraceName> = traceNames) {
    this.#text = text;
    this.#wanted = new Set(wanted);
  }

  /** @param length of the chain that it happened to: another one may answer in the end */
  *follow(event: StageEvent, length: ChainLength): Generator<ChainTrace, void, undefined> {
    if (event.type === "block") {
      const { stage, horizon, state } = event;
      if (this.#wanted.has("block")) yield { type: "block", block: stage + 1, horizon, ...length };
      yield* this.#revise(state, { block: stage + 1, step: 0 });
      return;
    }
    const { info, previous, state } = event;
    const at = { block: event.address.stage + 1, step: event.address.step };
    if (this.#wanted.has("proposal")) yield this.#proposal(event, at);
    const { outcome, logRatio } = info;
    const probability = Math.min(1, Math.exp(logRatio));
    const swapped = (info.swaps?.toAnswer ?? 0) > 0;
    if (this.#wanted.has("decision"))
      yield { type: "decision", ...at, outcome, probability, swapped, logprob: logProbability(state) };
    // An accepted proposal, or a swap with a hotter replica whatever became of the proposal.
    if (state !== previous) yield* this.#revise(state, at);
  }

  #proposal({ info, previous }: StageEvent & { type: "step" }, at: StepNumber): ChainTrace {
    const { cut, suffix, logRatio } = info;
    const { text, tokens: placed } = this.#place([...previous.slice(0, cut), ...suffix]);
    const tokens = placed.slice(cut);
    const fromChar = tokens[0]!.offset;
    return {
      type: "proposal",
      ...at,
      cut,
      fromChar,
      text: text.slice(toUnits(text, fromChar)),
      tokens,
      logRatio,
    };
  }

  /** Reports from where on the text differs from what was shown last, if it does. */
  *#revise(state: Completion, at: StepNumber): Generator<ChainTrace, void, undefined> {
    if (!this.#wanted.has("revision")) return;
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
      tokens: tokens.map(({ token, logprob, entropy, entropyGap, top }, index) => ({
        token,
        offset: offsets[index]!,
        logprob,
        entropy,
        ...(entropyGap === undefined ? {} : { entropyGap }),
        ...(top === undefined ? {} : { likeliest: pairsOf(top) }),
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
