import type { CompletionEvent, MixingTrace } from "../../decoder/completer.ts";
import type { Answer } from "../../selection/answers/answer-reader.ts";
import type { Candidate } from "../../selection/candidate.ts";
import { ordered } from "../../selection/order.ts";
import { fewestToStop, isSettled, leaderConfidence, mayStop } from "../../selection/stopping.ts";
import { tally } from "../../selection/vote.ts";
import { promptMixing } from "../presenters/mixing.ts";
import type { PromptMixing } from "../schemas/completions.ts";
import type { stopReasons } from "../schemas/selection.ts";
import type { Selection } from "./selection-plan.ts";

export type StopReason = (typeof stopReasons)[number];

/** An answer as it stands in a vote. */
export interface StandingAnswer {
  readonly text: string;
  readonly count: number;
  readonly share: number;
  /** Candidates that gave it, the likeliest first. */
  readonly candidates: readonly number[];
}

/** How the candidates of a prompt stand, after one of them has ended. */
export interface Standing {
  readonly prompt: number;
  readonly rule: Selection["rule"];
  /** Of the prompt, and those that have ended. */
  readonly candidates: number;
  readonly drawn: number;
  /** Candidates that are shown, or may yet be, the best first. */
  readonly leading: readonly number[];
  readonly votes?: {
    readonly answers: readonly StandingAnswer[];
    readonly unanswered: number;
    readonly leaderConfidence: number;
  };
  /** Whether no candidate is to come, and why, where some were not drawn. */
  readonly isOver: boolean;
  readonly stopped?: StopReason | undefined;
  /** Of all candidates so far. */
  readonly tokens: number;
  /** Model evaluations paid for by all of them, discarded ones included. */
  readonly evaluatedTokens: number;
  /** Once it is over, where they are several chains. */
  readonly mixing?: PromptMixing | undefined;
}

/** What a candidate has come to. */
interface Draft {
  text: string;
  logprob: number;
  tokens: number;
  entropy: number;
  selfCertainty: number;
}

/** The candidates of one prompt: follows what they come to, says how they stand, and how many more are to be drawn. */
export class Race {
  readonly #prompt: number;
  readonly #candidates: number;
  readonly #n: number;
  readonly #selection: Selection;
  readonly #drafts = new Map<number, Draft>();
  readonly #ended: Candidate[] = [];
  readonly #answers = new Map<number, Answer>();
  readonly #chains: MixingTrace[] = [];
  #tokens = 0;
  #evaluatedTokens = 0;
  #begun = 0;
  #stopped: StopReason | undefined;

  constructor(
    prompt: number,
    { candidates, n, selection }: { candidates: number; n: number; selection: Selection },
  ) {
    this.#prompt = prompt;
    this.#candidates = candidates;
    this.#n = n;
    this.#selection = selection;
  }

  /**
   * How many candidates to draw next, side by side: all of them, or under a confidence those that it takes at least for
   * the vote to stop. 0 where no more are wanted. To be asked when those before have ended.
   */
  next(): number {
    const left = this.#candidates - this.#begun;
    if (left === 0 || this.#stopped !== undefined) return 0;
    const selection = this.#selection;
    const isWhole = selection.rule !== "vote" || selection.confidence === undefined;
    const wave = isWhole ? left : fewestToStop(tally(this.#ended), left, selection.confidence);
    this.#begun += wave;
    return wave;
  }

  /** The server ends: no more are drawn. */
  shutDown(): void {
    if (this.#begun < this.#candidates) this.#stopped ??= "shutdown";
  }

  /** @param candidate whose event it is @returns how they stand, where it has ended one */
  see(candidate: number, event: CompletionEvent | { readonly type: "prompt" }): Standing | undefined {
    if (event.type === "text") this.#add(candidate, event);
    if (event.type !== "finish") return undefined;
    this.#end(candidate);
    this.#evaluatedTokens += event.evaluatedTokens;
    if (event.chain !== undefined) this.#chains.push(event.chain);
    return this.#standing();
  }

  #add(candidate: number, { text, tokens }: CompletionEvent & { type: "text" }): void {
    const draft = this.#draftOf(candidate);
    if (this.#selection.rule === "vote") draft.text += text;
    for (const token of tokens) {
      draft.tokens++;
      draft.logprob += token.logprob;
      draft.entropy += token.entropy;
      draft.selfCertainty += token.selfCertainty ?? NaN;
    }
  }

  #draftOf(candidate: number): Draft {
    let draft = this.#drafts.get(candidate);
    if (draft === undefined) {
      draft = { text: "", logprob: 0, tokens: 0, entropy: 0, selfCertainty: 0 };
      this.#drafts.set(candidate, draft);
    }
    return draft;
  }

  #end(index: number): void {
    const { text, logprob, tokens, entropy, selfCertainty } = this.#draftOf(index);
    this.#drafts.delete(index);
    this.#tokens += tokens;
    const selection = this.#selection;
    const answer = selection.rule === "vote" && tokens > 0 ? selection.readAnswer(text) : undefined;
    if (answer !== undefined) this.#answers.set(index, answer);
    this.#ended.push({
      ...{ index, logprob, tokens, answer: answer?.key },
      meanEntropy: entropy / tokens,
      selfCertainty: selfCertainty / tokens,
    });
  }

  #standing(): Standing {
    const counted = tally(this.#ended);
    const drawn = this.#ended.length;
    const left = this.#candidates - drawn;
    const selection = this.#selection;
    if (selection.rule === "vote" && drawn === this.#begun && left > 0) {
      const { confidence = 1 } = selection;
      if (mayStop(counted, left, confidence))
        this.#stopped ??= isSettled(counted, left) ? "settled" : "confidence";
    }
    const isOver = left === 0 || (this.#stopped !== undefined && drawn === this.#begun);
    const heads = counted.answers.flatMap(({ candidates }) => candidates.slice(0, 1));
    const leading =
      selection.rule === "vote"
        ? [...heads, ...ordered(this.#ended, "logprob").slice(0, heads.length === 0 ? 1 : 0)]
        : ordered(this.#ended, selection.rule).slice(0, this.#n);
    const isMixingKnown = isOver && drawn > 1 && this.#chains.length === drawn;
    return {
      prompt: this.#prompt,
      rule: selection.rule,
      candidates: this.#candidates,
      drawn,
      leading: leading.map(({ index }) => index),
      ...(selection.rule === "vote" && {
        votes: {
          answers: counted.answers.map(({ count, share, candidates }) => ({
            text: this.#answers.get(candidates[0]!.index)!.text,
            count,
            share,
            candidates: candidates.map(({ index }) => index),
          })),
          unanswered: counted.unanswered,
          leaderConfidence: leaderConfidence(counted),
        },
      }),
      isOver,
      stopped: this.#stopped,
      tokens: this.#tokens,
      evaluatedTokens: this.#evaluatedTokens,
      mixing: isMixingKnown ? promptMixing(this.#prompt, this.#chains) : undefined,
    };
  }
}
