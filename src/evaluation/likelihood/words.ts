import type { GroupKnowledge, Knowledge, Signal } from "./knowledge.ts";

export const signalNames: Readonly<Record<Signal, string>> = {
  logprob: "log p",
  mean_logprob: "mean log p",
  entropy: "entropy",
  self_certainty: "self-certainty",
};

const percent = (share: number): string => `${(100 * share).toFixed(0)} %`;

/** What the areas of one configuration's answers mean for sharpening, in words. */
export function knowledgeWords({ label, askable, knowledge }: GroupKnowledge): string {
  const likelihood = knowledge.find(({ signal }) => signal === "logprob");
  if (likelihood === undefined) return `${label}: the server does not tell how likely answers are.`;
  if (likelihood.verdict === "unasked")
    return `${label}: no question has both right and wrong answers, so whether likelihood tells them apart cannot be asked.`;
  const { area } = likelihood;
  const interval = Number.isNaN(area.low) ? "" : ` [${area.low.toFixed(3)}, ${area.high.toFixed(3)}]`;
  const asked = `Of a right and a wrong answer of ${label} to the same question, the right one is the likelier in ${area.value.toFixed(3)}${interval} (a coin: 0.5; asked of ${percent(askable)} of the questions)`;
  return `${asked}: ${meaning[likelihood.verdict]}${others(knowledge)}`;
}

const meaning = {
  knows: "likelihood tells right from wrong here, so sharpening and choosing by it can help.",
  unclear:
    "likelihood is not shown to tell right from wrong here, so neither sharpening nor choosing by it can be expected to help.",
  misleads:
    "the wrong answers are the likelier ones here, so sharpening, and choosing by likelihood, makes answers worse.",
};

/** Where another signal says something else. */
function others(knowledge: readonly Knowledge[]): string {
  const told = knowledge.filter(({ signal, verdict }) => signal !== "logprob" && verdict === "knows");
  const isKnown = knowledge.some(({ signal, verdict }) => signal === "logprob" && verdict === "knows");
  if (isKnown || told.length === 0) return "";
  return ` What does tell them apart: ${told.map(({ signal }) => signalNames[signal]).join(", ")}.`;
}
