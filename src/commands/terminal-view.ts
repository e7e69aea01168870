import { styleText } from "node:util";
import { noText, revise } from "../client/client.ts";
import type { EventOf, RevisedText, WatchEvent, WatchedToken } from "../client/client.ts";

export interface TerminalViewOptions {
  readonly prompt: string;
  readonly columns: number;
  readonly colors: boolean;
}

type Votes = EventOf<"votes">["votes"];
type Style = Parameters<typeof styleText>[0];

/** How revised text looks, by how many steps ago it was revised; older text is plain. */
const fading: readonly Style[] = [
  ["bold", "black", "bgYellow"],
  ["bold", "yellow"],
  ["bold", "yellow"],
  "yellow",
  "yellow",
  "yellow",
];

const outcomeStyles: Readonly<Record<EventOf<"decision">["outcome"], Style>> = {
  accepted: "green",
  unchanged: "dim",
  rejected: "red",
  rejected_early: "red",
};

const bars = Array.from("▁▂▃▄▅▆▇█");

interface Piece {
  readonly text: string;
  readonly style: Style | undefined;
}

/** The state of a watched answer, drawn as lines of a terminal. */
export class TerminalView {
  readonly #options: TerminalViewOptions;
  #shown: RevisedText = noText;
  /** Step at which each token of the text came to be. */
  #births: number[] = [];
  #steps = 0;
  /** Steps by what became of their proposals. */
  readonly #outcomes = { accepted: 0, unchanged: 0, rejected: 0, rejected_early: 0 };
  #swaps = 0;
  /** Whole proposals of exact, made where no completion stands. */
  #tries = 0;
  #logprob: number | undefined;
  #logprobs: number[] = [];
  #block: EventOf<"block"> | undefined;
  #proposal: EventOf<"proposal"> | undefined;
  #decision: EventOf<"decision"> | undefined;
  /** What is known before there is a step to tell of. */
  #note: string | undefined;
  /** How far the draft is that the first step waits for. */
  #draft: string | undefined;
  #votes: string | undefined;

  constructor(options: TerminalViewOptions) {
    this.#options = options;
  }

  /** @returns whether there is something new to look at */
  take(event: WatchEvent): boolean {
    if (isOfAnother(event)) return false;
    switch (event.type) {
      case "accepted":
        this.#note = describeRequest(event);
        return true;
      case "votes":
        this.#votes = describeVotes(event.votes);
        return true;
      case "block":
        this.#block = event;
        return this.#steps === 0;
      case "proposal":
        this.#proposal = event;
        return false;
      case "decision":
        this.#steps++;
        this.#decision = event;
        if (this.#isTry) this.#tries++;
        else this.#count(event);
        return event.outcome !== "accepted" && !event.swapped;
      case "revision":
        this.#shown = revise(this.#shown, event);
        this.#logprob = event.logprob;
        this.#births = [...this.#births.slice(0, event.from_token), ...event.tokens.map(() => this.#steps)];
        return true;
      case "token":
        return this.#append(event);
      case "progress":
        this.#draft = describeDraft(event);
        return this.#draft !== undefined && this.#block === undefined;
      default:
        return false;
    }
  }

  /** Where a revision that has not been taken yet happens. */
  place({ block, step }: EventOf<"revision">): string {
    return this.#isTry && step > 0 ? `try ${step}` : `block ${block} step ${step}`;
  }

  lines(): string[] {
    const { prompt, columns } = this.#options;
    const pieces: Piece[] = [{ text: prompt, style: "dim" }, ...this.#pieces()];
    const answer = wrap(pieces, columns).map((line) => line.map((piece) => this.#style(piece)).join(""));
    const votes = this.#votes === undefined ? [] : ["", truncate(this.#votes, columns)];
    if (this.#block !== undefined) return [...answer, ...votes, "", ...this.#status(), this.#trace()];
    const notes = this.#steps > 0 ? [] : [this.#note, this.#draft].filter((note) => note !== undefined);
    const shown = notes.map((note) => truncate(note, columns));
    return [...answer, ...votes, ...(shown.length === 0 ? [] : ["", ...shown])];
  }

  /** A proposal where no completion stands is no step of a chain, and there is nothing that log p could be of. */
  get #isTry(): boolean {
    return this.#shown.tokens.length === 0;
  }

  #count({ outcome, swapped, logprob }: EventOf<"decision">): void {
    this.#outcomes[outcome]++;
    if (swapped) this.#swaps++;
    this.#logprob = logprob;
    this.#logprobs.push(logprob);
  }

  /** Standard samplers revise nothing; their text only grows. A chain's commits what is shown already. */
  #append({ text, tokens }: EventOf<"token">): boolean {
    if (this.#block !== undefined) return false;
    this.#shown = { text: this.#shown.text + text, tokens: [...this.#shown.tokens, ...tokens] };
    this.#steps++;
    this.#births.push(...tokens.map(() => this.#steps));
    return true;
  }

  #pieces(): Piece[] {
    const points = Array.from(this.#shown.text);
    const { tokens } = this.#shown;
    return tokens.map(({ from_char }: WatchedToken, index) => ({
      text: points.slice(from_char, tokens[index + 1]?.from_char).join(""),
      style: fading[this.#steps - this.#births[index]!],
    }));
  }

  #status(): string[] {
    const { block, blocks, steps } = this.#block!;
    const decision = this.#decision;
    const { accepted, unchanged, rejected, rejected_early } = this.#outcomes;
    const logprob = `log p ${this.#logprob?.toFixed(2) ?? "–"}`;
    const tries = this.#tries === 0 ? [] : [`tries ${this.#tries}`];
    const chain = [
      `block ${block}/${blocks}`,
      `step ${decision?.block === block ? decision.step : 0}/${steps}`,
      logprob,
      `moved ${accepted}`,
      `unchanged ${unchanged}`,
      `rejected ${rejected + rejected_early}`,
      ...(this.#swaps === 0 ? [] : [`swapped ${this.#swaps}`]),
    ];
    const isChain = tries.length === 0 || this.#logprobs.length > 0;
    const figures = isChain ? [...chain, ...tries] : [...tries, logprob];
    const status = truncate(wholeFigures(figures, this.#options.columns), this.#options.columns);
    if (decision === undefined || this.#proposal === undefined) return [status, ""];
    const outcome = decision.outcome.replace("_", " ");
    const odds = `p ${decision.probability.toFixed(2)}`;
    const proposed = truncate(
      `+${this.#proposal.cut} ${printable(this.#proposal.text, "␤")}`,
      this.#options.columns - outcome.length - odds.length - 4,
    );
    return [
      status,
      `${this.#style({ text: outcome, style: outcomeStyles[decision.outcome] })}  ${odds}  ${this.#style({ text: proposed, style: "dim" })}`,
    ];
  }

  /** log p of the last steps, as a row of bars. */
  #trace(): string {
    const recent = this.#logprobs.slice(-this.#options.columns);
    if (recent.length === 0) return "";
    const low = Math.min(...recent);
    const range = Math.max(...recent) - low;
    const text = recent
      .map((logprob) => bars[range === 0 ? 0 : Math.floor(((logprob - low) / range) * (bars.length - 1))])
      .join("");
    return this.#style({ text, style: "cyan" });
  }

  #style({ text, style }: Piece): string {
    if (style === undefined || !this.#options.colors || text === "") return text;
    // The command has looked at the terminal; from Node 22 on, styleText would look at this process's output and environment.
    return styleText(style, text, { validateStream: false });
  }
}

/** Of candidates the first is shown as it comes to be; which one is chosen is known at the end. */
export const isOfAnother = (event: WatchEvent): boolean => "index" in event && event.index > 0;

/** What a request that begins comes to. */
export function describeRequest({ sampler, model, seed, max_tokens, choices }: EventOf<"accepted">): string {
  const shown = choices === 1 ? "" : `; the first of ${choices} candidates is shown`;
  return `${sampler} of ${model}, seed ${seed}, at most ${max_tokens} tokens${shown}`;
}

/** How far particles are that draft a completion; nothing of what is drafted otherwise, or by now. */
function describeDraft({ drafted_tokens: drafted, horizon }: EventOf<"progress">): string | undefined {
  if (drafted === undefined || horizon === undefined) return undefined;
  return `drafting: ${drafted} of at most ${horizon} tokens`;
}

/** How a vote stands, the most voted first. */
export function describeVotes({ answers, unanswered, candidates, drawn, stopped_early }: Votes): string {
  const counts = answers.map(({ answer, count }) => `${printable(answer, "␤")} ×${count}`);
  if (unanswered > 0) counts.push(`no answer ×${unanswered}`);
  const end = stopped_early === null ? "" : `, ${stopped_early}`;
  return `votes of ${drawn}/${candidates}${end}: ${counts.join("  ")}`;
}

/** Text that says nothing to a terminal but itself. */
export function printable(text: string, newline = "\n"): string {
  return text
    .replaceAll("\r\n", "\n")
    .replaceAll("\n", newline)
    .replaceAll("\t", "    ")
    .replace(/(?!\n)\p{Cc}/gu, (control) => String.fromCodePoint(0x2400 + (control.codePointAt(0)! % 0x80)));
}

const wide = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Emoji_Presentation}]/u;

/** Columns that a character takes. */
const widthOf = (character: string): number => (/\p{M}/u.test(character) ? 0 : wide.test(character) ? 2 : 1);

/** As many of the first as fit: a figure that is cut off reads as another. */
function wholeFigures([first = "", ...others]: readonly string[], columns: number): string {
  let line = first;
  for (const figure of others) {
    if (line.length + 2 + figure.length > columns) return line;
    line += `  ${figure}`;
  }
  return line;
}

function truncate(text: string, columns: number): string {
  let width = 0;
  let kept = "";
  for (const character of text) {
    width += widthOf(character);
    if (width > columns) return kept;
    kept += character;
  }
  return kept;
}

/** Breaks pieces into lines of at most so many columns. */
function wrap(pieces: readonly Piece[], columns: number): Piece[][] {
  const lines: Piece[][] = [[]];
  let width = 0;
  for (const { text, style } of pieces) {
    let part = "";
    const endPart = (): void => {
      if (part !== "") lines.at(-1)!.push({ text: part, style });
      part = "";
    };
    for (const character of printable(text)) {
      const isTooWide = width + widthOf(character) > columns;
      if (character === "\n" || isTooWide) {
        endPart();
        lines.push([]);
        width = 0;
      }
      if (character === "\n") continue;
      part += character;
      width += widthOf(character);
    }
    endPart();
  }
  return lines;
}
