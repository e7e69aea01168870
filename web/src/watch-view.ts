import {
  chainReportOf,
  findReport,
  isRunReport,
  noText,
  remarksOn,
  revise,
  samplerChoices,
} from "../../src/client/client.ts";
import type {
  CompletionResponse,
  EventOf,
  RevisedText,
  WatchEvent,
  WatchedToken,
} from "../../src/client/client.ts";
import { ChainCharts } from "./chain-charts.ts";
import type { OutcomeCounts } from "./chain-charts.ts";
import type { Connection } from "./connection.ts";
import { costOf } from "./cost.ts";
import { byId, element, format } from "./dom.ts";
import type { SettingsForm } from "./settings-form.ts";
import { TokenText } from "./token-text.ts";
import type { ShownToken } from "./token-text.ts";

/** One answer as it comes to be: a chain's revisions, or tokens one after the other. */
export class WatchView {
  readonly #answer = new TokenText(byId("answer"));
  readonly #charts = new ChainCharts();
  #state: RevisedText = noText;
  /** A chain's text is rebuilt from its revisions; its committed tokens would say it twice. */
  #isChain = false;
  /** Swaps that gave a tempered chain another completion; they are no steps. */
  #swaps = 0;
  /** Whole proposals of exact. */
  #tries = 0;

  async run(connection: Connection, form: SettingsForm, signal: AbortSignal): Promise<void> {
    // Iterating slowly is what slows it down: events wait in the client, and beyond a bound it skips to the latest.
    for await (const event of connection.client.watch(form.request(), { signal })) {
      this.#apply(event);
      await pause(event, signal);
    }
  }

  #begin({ sampler }: EventOf<"accepted">): void {
    showParts({ tries: sampler === "exact", chain: sampler !== "exact" });
    this.#isChain = samplerChoices.some(({ name, isChain }) => name === sampler && isChain);
    this.#state = noText;
    this.#answer.show([]);
    this.#charts.clear();
    this.#swaps = 0;
    this.#tries = 0;
    byId("figures-swaps").hidden = true;
    byId("proposal").replaceChildren();
    for (const name of figures) figure(name, "–");
  }

  #apply(event: WatchEvent): void {
    switch (event.type) {
      case "accepted":
        // What is refused leaves the last answer where it is.
        this.#begin(event);
        return;
      case "block":
        figure("block", `${event.block} of ${event.blocks}`);
        return;
      case "proposal":
        showProposal(this.#state, event);
        return;
      case "decision":
        // Where no completion stands, a whole one was proposed: that is no step of a chain.
        if (this.#state.tokens.length === 0) figure("tries", String(++this.#tries));
        else this.#step(event);
        showDecision(event);
        return;
      case "revision":
        this.#revise(event);
        return;
      case "token":
        if (!this.#isChain) this.#append(event);
        return;
      case "done":
        this.#finish(event);
        return;
      default:
        return;
    }
  }

  #revise(event: EventOf<"revision">): void {
    this.#state = revise(this.#state, event);
    this.#answer.show(shownTokens(this.#state).slice(event.from_token), {
      kept: event.from_token,
      isRevision: true,
    });
    figure("logprob", format(event.logprob));
  }

  #append({ text, tokens }: EventOf<"token">): void {
    const kept = this.#state.tokens.length;
    this.#state = { text: this.#state.text + text, tokens: [...this.#state.tokens, ...tokens] };
    // Text may come later than its token, when it could have been the start of a stop string.
    this.#answer.show(shownTokens(this.#state).slice(Math.max(0, kept - 1)), { kept: Math.max(0, kept - 1) });
    figure("logprob", format(sum(this.#state.tokens)));
  }

  #step({ outcome, logprob, swapped }: EventOf<"decision">): void {
    // The chain that answers in the place of tries that were not accepted.
    if (this.#tries > 0) showParts({ chain: true });
    this.#charts.add({ logprob, outcome });
    showSteps({ steps: this.#charts.steps, ...this.#charts.counts });
    if (!swapped) return;
    figure("swaps", String(++this.#swaps));
    byId("figures-swaps").hidden = false;
  }

  #finish({ response: { choices } }: EventOf<"done">): void {
    const choice = choices[0]!;
    const report = findReport(choice)?.body;
    figure("cost", costOf(choice));
    if (report !== undefined && isRunReport(report)) figure("logprob", format(report.logprob));
    const chain = chainReportOf(choice);
    if (chain !== undefined) showSteps({ ...chain, rejected: chain.rejected + chain.rejected_early });
    if (choice.exact !== undefined) showExact(choice.exact);
    byId("proposal").replaceChildren(remarksOn(choice).join(" "));
  }
}

const figures = ["logprob", "tries", "evidence", "block", "steps", "outcomes", "acceptance", "swaps", "cost"];

/** Figures and charts that say something of tries, and of chains. */
function showParts(parts: { readonly tries?: boolean; readonly chain?: boolean }): void {
  for (const [part, isShown] of Object.entries(parts))
    for (const shown of document.querySelectorAll<HTMLElement>(`[data-part="${part}"]`))
      shown.hidden = !isShown;
}

type Steps = { readonly steps: number } & OutcomeCounts;

function showSteps({ steps, moved, unchanged, rejected }: Steps): void {
  figure("steps", String(steps));
  figure("outcomes", `${moved} moved, ${unchanged} unchanged, ${rejected} rejected`);
  figure("acceptance", `${format((100 * (moved + unchanged)) / steps, 0)} %`);
}

function showExact(report: NonNullable<CompletionResponse["choices"][number]["exact"]>): void {
  const { tries, log_evidence: evidence, log_evidence_bound: bound, fallback } = report;
  figure("tries", String(tries));
  const estimate = evidence === null ? "" : `about ${format(evidence)}, `;
  figure("evidence", `${estimate}at most ${format(bound)}`);
  showParts({ chain: fallback !== undefined });
}

function showDecision({ outcome, probability }: EventOf<"decision">): void {
  const badge = element("b", outcome, outcome === "accepted" ? "moved" : outcome.replace("_", " "));
  const bound = outcome === "rejected_early" ? "at most " : "";
  byId("proposal").append(" ", badge, `, acceptance probability ${bound}${format(probability)}`);
}

/** Steps a second that the reader wants to see; 0 for all as they come. */
const paceOf = (): number => Number(byId<HTMLSelectElement>("pace").value);

/** Steps that changed nothing pass faster. */
const unchangedShare = 0.2;

async function pause(event: WatchEvent, signal: AbortSignal): Promise<void> {
  const pace = paceOf();
  if (event.type !== "decision" || pace === 0 || signal.aborted) return;
  const seconds = (event.outcome === "unchanged" ? unchangedShare : 1) / pace;
  await new Promise<void>((resolve) => {
    const timer = setTimeout(finish, seconds * 1000);
    function finish(): void {
      clearTimeout(timer);
      signal.removeEventListener("abort", finish);
      resolve();
    }
    signal.addEventListener("abort", finish);
  });
}

function showProposal({ text }: RevisedText, { from_char, text: proposed, step }: EventOf<"proposal">): void {
  const kept = Array.from(text).slice(0, from_char).join("");
  byId("proposal").replaceChildren(
    `${text === "" ? "try" : "step"} ${step}: `,
    element("span", "kept", kept.slice(-24)),
    element("mark", "", proposed === "" ? "∎" : proposed),
  );
}

/** Each token with the text from where it begins to where the next one does. */
function shownTokens({ text, tokens }: RevisedText): ShownToken[] {
  const characters = Array.from(text);
  return tokens.map(({ from_char, logprob, entropy, entropy_upper }, index) => {
    const end = tokens[index + 1]?.from_char ?? characters.length;
    return { text: characters.slice(from_char, end).join(""), logprob, entropy, entropyUpper: entropy_upper };
  });
}

const sum = (tokens: readonly WatchedToken[]): number =>
  tokens.reduce((total, { logprob }) => total + (logprob ?? 0), 0);

function figure(name: string, value: string): void {
  byId(`figure-${name}`).textContent = value;
}
