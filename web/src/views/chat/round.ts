import type { ChatChunk, ChatRequest } from "../../../../src/client/client.ts";
import type { ShownToken } from "../../tokens/shown-token.ts";

type ChunkChoice = ChatChunk["choices"][number];

/** One answer, as far as it has come. */
export interface Answer {
  readonly text: string;
  readonly tokens: readonly ShownToken[];
  /** How far its chain is, while that works. */
  readonly progress?: NonNullable<ChatChunk["progress"]>;
  /** The part that ended it, with its report; undefined until then, and where it was stopped before. */
  readonly end?: ChunkChoice;
}

/** What a round was asked for. */
export type AskedChat = ChatRequest & { readonly seed: number };

/** Answers that one request has asked for. */
export interface Round {
  readonly asked: AskedChat;
  readonly answers: readonly Answer[];
  /** How the chains of the answers agree, once all have ended. */
  readonly mixing?: NonNullable<ChatChunk["mixing"]>[number];
}

/** A round of answers of which nothing is known. */
export const emptyRound = (asked: AskedChat): Round => ({
  asked,
  answers: Array.from({ length: Math.max(1, asked.n ?? 1) }, () => ({ text: "", tokens: [] })),
});

/** The round with what a part of the stream tells of it. */
export function addChunk(round: Round, { progress, choices, mixing }: ChatChunk): Round {
  const answers = [...round.answers];
  if (progress !== undefined) answers[progress.index] = { ...answers[progress.index]!, progress };
  for (const choice of choices) answers[choice.index] = addChoice(answers[choice.index]!, choice);
  return { ...round, answers, ...(mixing === undefined ? {} : { mixing: mixing[0]! }) };
}

function addChoice(answer: Answer, choice: ChunkChoice): Answer {
  const { delta, logprobs, entropy, entropy_upper } = choice;
  const tokens = (logprobs?.content ?? []).map(({ token, logprob, top_logprobs }, index) => ({
    text: token,
    logprob,
    entropy: entropy?.[index] ?? null,
    entropyUpper: entropy_upper?.[index],
    alternatives: top_logprobs.map((other) => ({ text: other.token, logprob: other.logprob })),
  }));
  return {
    ...answer,
    text: answer.text + (delta.content ?? ""),
    tokens: [...answer.tokens, ...tokens],
    ...(choice.finish_reason === null ? {} : { end: choice }),
  };
}

/** Of the answers, how many say what this one says, word for word, itself among them. */
export const countAgreeing = ({ answers }: Round, { text }: Answer): number =>
  answers.filter((other) => other.text.trim() === text.trim()).length;

/** The tokens, of which the one that ended the answer is no text. */
export function shownTokens({ text, tokens, end }: Answer): readonly ShownToken[] {
  const last = tokens.at(-1);
  if (last === undefined || end?.finish_reason !== "stop" || text.endsWith(last.text)) return tokens;
  return [...tokens.slice(0, -1), { ...last, text: "" }];
}
