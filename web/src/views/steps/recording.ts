import { noText, revise, samplerChoices } from "../../../../src/client/client.ts";
import type { CompletionResponse, EventOf, RevisedText, WatchEvent } from "../../../../src/client/client.ts";
import type { Question } from "../../state/question.ts";

/** What has become of proposals so far. */
export interface Counts {
  readonly steps: number;
  readonly moved: number;
  readonly unchanged: number;
  readonly rejected: number;
  /** Whole completions that exact proposed. */
  readonly tries: number;
  /** Swaps that gave a tempered chain another completion; they are no steps. */
  readonly swaps: number;
}

/** One moment of an answer's coming to be, with what stood before it and after it. */
export interface Frame {
  /**
   * `draft`: a block's completion was extended to its horizon. `step`: of a chain. `try`: of exact, a proposal of a whole
   * completion. `token`: of a sampler that writes one after the other.
   */
  readonly kind: "draft" | "step" | "try" | "token";
  readonly block: number;
  readonly step: number;
  readonly before: RevisedText;
  readonly after: RevisedText;
  /** Tokens of `after` that stood there before. */
  readonly kept: number;
  readonly proposal?: EventOf<"proposal"> | undefined;
  readonly decision?: EventOf<"decision">;
  /** log p of `after`, nats. */
  readonly logprob: number;
  readonly counts: Counts;
}

const noCounts: Counts = { steps: 0, moved: 0, unchanged: 0, rejected: 0, tries: 0, swaps: 0 };

/** Frames that are kept: of longer chains the earliest are forgotten. */
const mostFrames = 20_000;
/** Seldom many, since what is shown moves with them. */
const forgottenAtOnce = 5_000;

/** What a watched request has told, moment by moment, so that any of them can be looked at again. */
export class Recording {
  readonly frames: Frame[] = [];
  /** Frames that were forgotten, which came before these. */
  forgotten = 0;
  readonly question: Question;
  accepted: EventOf<"accepted"> | undefined;
  blocks = 0;
  /** How far the particles are that draft what comes next. */
  drafted: Pick<EventOf<"progress">, "drafted_tokens" | "horizon"> = {};
  response: CompletionResponse | undefined;
  /** Whether nothing is to come, with a response or without. */
  isOver = false;
  #state: RevisedText = noText;
  #proposal: EventOf<"proposal"> | undefined;

  constructor(question: Question) {
    this.question = question;
  }

  /** Whether text is rebuilt from revisions; the committed tokens of a chain would say it twice. */
  get isChain(): boolean {
    return samplerChoices.some(({ name, isChain }) => name === this.accepted?.sampler && isChain);
  }

  apply(event: WatchEvent): void {
    switch (event.type) {
      case "accepted":
        this.accepted = event;
        return;
      case "block":
        this.blocks = event.blocks;
        return;
      case "proposal":
        this.#proposal = event;
        return;
      case "decision":
        this.#decide(event);
        return;
      case "revision":
        this.#revise(event);
        return;
      case "token":
        if (!this.isChain) this.#append(event);
        return;
      case "progress":
        this.drafted = event;
        return;
      case "done":
        this.response = event.response;
        return;
      default:
        return;
    }
  }

  #decide(decision: EventOf<"decision">): void {
    const { block, step, outcome, swapped, logprob } = decision;
    const counts = this.frames.at(-1)?.counts ?? noCounts;
    // Where no completion stands, a whole one was proposed: that is no step of a chain.
    const isTry = this.#state.tokens.length === 0;
    const kind = outcome === "accepted" ? "moved" : outcome === "unchanged" ? "unchanged" : "rejected";
    this.#push({
      kind: isTry ? "try" : "step",
      block,
      step,
      before: this.#state,
      after: this.#state,
      kept: this.#state.tokens.length,
      proposal: this.#proposal,
      decision,
      logprob: isTry ? NaN : logprob,
      counts: isTry
        ? { ...counts, tries: counts.tries + 1 }
        : {
            ...counts,
            steps: counts.steps + 1,
            [kind]: counts[kind] + 1,
            swaps: counts.swaps + (swapped ? 1 : 0),
          },
    });
    this.#proposal = undefined;
  }

  #revise(revision: EventOf<"revision">): void {
    const { block, step, logprob, from_token: kept } = revision;
    const before = this.#state;
    const after = (this.#state = revise(before, revision));
    const last = this.frames.at(-1);
    // What a decision has led to belongs to its moment.
    const isOfLast = last?.decision !== undefined && last.block === block && last.step === step;
    if (isOfLast) this.frames[this.frames.length - 1] = { ...last, after, kept, logprob };
    else {
      const counts = last?.counts ?? noCounts;
      this.#push({ kind: "draft", block, step, before, after, kept, logprob, counts });
    }
  }

  #append({ text, tokens }: EventOf<"token">): void {
    const before = this.#state;
    const after = (this.#state = { text: before.text + text, tokens: [...before.tokens, ...tokens] });
    const logprob = after.tokens.reduce((sum, token) => sum + (token.logprob ?? 0), 0);
    const kept = before.tokens.length;
    const place = { block: 0, step: after.tokens.length };
    this.#push({ kind: "token", ...place, before, after, kept, logprob, counts: noCounts });
  }

  #push(frame: Frame): void {
    this.frames.push(frame);
    if (this.frames.length <= mostFrames) return;
    this.frames.splice(0, forgottenAtOnce);
    this.forgotten += forgottenAtOnce;
  }
}
