import { evenly, format, formatProbability, formatTimes } from "../../format.ts";
import { logprobOf } from "../../tokens/shown-token.ts";
import type { Frame } from "./recording.ts";

/** What has become of a step: a word for it, and the class that colours it. */
export interface Verdict {
  readonly word: string;
  readonly tone: "moved" | "unchanged" | "rejected" | "draft";
}

/** ±9999 stands for ±∞: a search that decides without a coin. */
const certain = 9999;

export function verdictOf({ kind, decision }: Frame): Verdict {
  switch (decision?.outcome) {
    case undefined:
      return { word: kind === "token" ? "written" : "drafted", tone: "draft" };
    case "accepted":
      return { word: kind === "try" ? "taken" : "moved", tone: "moved" };
    case "unchanged":
      return { word: "unchanged", tone: "unchanged" };
    case "rejected":
      return { word: "rejected", tone: "rejected" };
    case "rejected_early":
      return { word: "rejected early", tone: "rejected" };
  }
}

/** Where a frame stands, as a heading. */
export function placeOf({ kind, block, step, after }: Frame, blocks: number): string {
  const ofBlock = blocks > 1 ? `Block ${block} of ${blocks}, ` : "";
  switch (kind) {
    case "draft":
      return `${ofBlock}${ofBlock === "" ? "Draft" : "draft"}`;
    case "step":
      return `${ofBlock}${ofBlock === "" ? "Step" : "step"} ${step}`;
    case "try":
      return `Try ${step}`;
    case "token":
      return `Token ${after.tokens.length}`;
  }
}

/** Of samplers that write many answers, of which the tokens of one are shown. */
const sideBySide = new Map<string | undefined, string>([
  [
    "smc",
    "Of the answers that were written side by side, this is the one that was drawn; the others are not shown.",
  ],
  [
    "beam",
    "Of the answers that were written side by side, this is the one that was chosen; the others are not shown.",
  ],
]);

/** What a frame does, in plain sentences. */
export function tell(frame: Frame, sampler?: string): string[] {
  const { kind, before, proposal, decision } = frame;
  if (kind === "token") return [sideBySide.get(sampler) ?? "The model wrote the next token, and it stays."];
  if (decision === undefined) {
    const begins = before.tokens.length === 0;
    return [
      begins
        ? "The model wrote a first draft, token by token."
        : "The model went on writing, so that there is more to revise.",
    ];
  }
  if (kind === "try") return ["The model wrote a whole answer to try.", ...coin(frame, decision)];
  const swap = decision.swapped ? ["Then it swapped answers with a chain that roams more freely."] : [];
  const opening =
    proposal === undefined
      ? []
      : [
          proposal.cut === 0
            ? "It threw the whole answer away and had the model write a new one."
            : `It cut the answer after token ${proposal.cut} and had the model write the rest anew.`,
        ];
  return [...opening, ...coin(frame, decision), ...swap];
}

/** How a proposal was decided. */
function coin(frame: Frame, { outcome, probability }: NonNullable<Frame["decision"]>): string[] {
  const { kind, proposal } = frame;
  const logRatio = proposal?.log_ratio ?? 0;
  const ratio = `log r = ${format(logRatio)}`;
  if (outcome === "unchanged") return ["The same came out again, so nothing changes."];
  if (Math.abs(logRatio) >= certain) {
    const isMore = outcome === "accepted";
    return [
      isMore
        ? "It is likelier as a whole, so the search takes it."
        : "It is no likelier as a whole, so the search drops it.",
    ];
  }
  const chance = formatProbability(probability);
  if (outcome === "rejected_early")
    return [
      `It was given up unfinished: however it had gone on, it would have been taken with ${chance} at most (${ratio}), and the coin already said no.`,
    ];
  const lead = kind === "step" ? leadOfOld(frame) : 0;
  if (logRatio >= 0 && lead >= evenly) return [taken(lead, logRatio)];
  const weighing = `${kind === "try" ? weighTry(logRatio) : weighStep(logRatio)} (that is r; ${ratio})`;
  if (logRatio >= 0) return [`${weighing}: it is taken without a coin.`];
  const toss = `${weighing}, so a coin is tossed that says yes with ${chance}`;
  if (outcome !== "accepted") return [`${toss}: it said no.`];
  return [`${toss}: it said yes.`, ...(lead >= evenly ? [lessLikely(lead)] : [])];
}

/** How much likelier the old answer was than the new one, nats. */
const leadOfOld = ({ before, after }: Frame): number => logprobOf(before.tokens) - logprobOf(after.tokens);

/** A chain is no search: that less likely answers are taken, too, is what brings out their shares. */
const lessLikely = (lead: number): string =>
  `The old one was ${formatTimes(lead)} as likely as a whole: now and then a less likely answer is taken, so that each comes up in its share.`;

/** A less likely answer with an r of at least 1: the two halves of r are told apart, or it reads as a contradiction. */
function taken(lead: number, logRatio: number): string {
  const [much, outcome] =
    logRatio < evenly
      ? ["as much", "the two cancel"]
      : ["more", `weighed together, it counts ${formatTimes(logRatio)} as much`];
  return `The old one was ${formatTimes(lead)} as likely as a whole, but the model also proposes the new one less readily, by ${much}: ${outcome} (log r = ${format(logRatio)}), and it is taken without a coin.`;
}

/** r of a step: p^α of the new answer over that of the old one, each over the chance of its being proposed from the other. */
function weighStep(logRatio: number): string {
  const opening =
    "Weighed by how likely each is as a whole (p^α), and by how readily the model proposes it, the new answer counts";
  if (logRatio < 0) return `${opening} only ${formatProbability(Math.exp(logRatio))} as much as the old one`;
  return `${opening} ${logRatio < evenly ? "just" : formatTimes(logRatio)} as much as the old one`;
}

/** r of a try: p^α over the probability of drawing it token by token at temperature 1/α, up to the bound of that. */
const weighTry = (logRatio: number): string =>
  `As a whole it is worth ${logRatio < 0 ? `only ${formatProbability(Math.exp(logRatio))} of what` : "all that"} its tokens, sharpened one by one, promised`;
