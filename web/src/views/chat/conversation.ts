import { computed, signal } from "@preact/signals";
import { ClientError } from "../../../../src/client/client.ts";
import type { ChatRequest } from "../../../../src/client/client.ts";
import { chatForm, systemMessage } from "../../state/chat-settings.ts";
import { client } from "../../state/connection.ts";
import { problem, showProblem } from "../../state/problem.ts";
import { isRunning, run } from "../../state/run.ts";
import { addChunk, emptyRound } from "./round.ts";
import type { Answer, AskedChat, Round } from "./round.ts";

/** A question, and all answers that were asked for. */
export interface Exchange {
  readonly id: number;
  readonly question: string;
  readonly rounds: readonly Round[];
  /** Which of the answers is shown, counted through the rounds: the conversation goes on from it. */
  readonly shown: number;
  /** Why the last request came to nothing, or to less. */
  readonly notice?: string | undefined;
  /** Whether it was refused for what was asked: the same again would be. */
  readonly isRefused?: boolean;
}

export const exchanges = signal<readonly Exchange[]>([]);
/** What is being written. */
export const draft = signal("");
/** What was being written when a question was taken back, the last of it last: it comes back when that is sent. */
export const waitingDrafts = signal<readonly string[]>([]);
/** What is said to readers who do not see the page. */
export const announcement = signal("");

/** The exchange that is being answered, or that may be changed. */
export const lastExchange = computed(() => exchanges.value.at(-1));

/** An answer, with the round that it was drawn in. */
export interface Drawn {
  readonly round: Round;
  readonly answer: Answer;
}

export const drawnIn = ({ rounds }: Exchange): Drawn[] =>
  rounds.flatMap((round) => round.answers.map((answer) => ({ round, answer })));

/** Codes of what the server refuses however often it is asked. */
const refusals = ["invalid_request", "unsupported", "context_length_exceeded"];

let nextId = 0;
/** Of alternatives beside each token. */
const alternatives = 5;

/** Sends what is written. */
export function send(): void {
  const question = draft.value.trim();
  if (question === "" || isRunning.value) return;
  draft.value = waitingDrafts.value.at(-1) ?? "";
  waitingDrafts.value = waitingDrafts.value.slice(0, -1);
  exchanges.value = [...exchanges.value, { id: nextId++, question, rounds: [], shown: 0 }];
  run(answer);
}

/** Asks for another answer to the last question, with another seed. */
export function askAgain(): void {
  run(answer);
}

/** Takes the last question back, to be written anew. */
export function takeBack(): void {
  if (draft.value.trim() !== "") waitingDrafts.value = [...waitingDrafts.value, draft.value];
  draft.value = lastExchange.value?.question ?? "";
  exchanges.value = exchanges.value.slice(0, -1);
}

export function startAnew(): void {
  exchanges.value = [];
  problem.value = undefined;
}

/** Shows another answer to the last question. */
export function show(shown: number): void {
  change((exchange) => ({ ...exchange, shown }));
}

/** Draws a round of answers to the last question. What was answered before stays, whatever becomes of it. */
async function answer(stop: AbortSignal): Promise<void> {
  const former = lastExchange.value!;
  const asked = requestFor(exchanges.value);
  let round = emptyRound(asked);
  const shown = drawnIn(former).length;
  const publish = (): void => {
    change((exchange) => ({ ...exchange, rounds: [...former.rounds, round] }));
  };
  const publishSoon = oncePerPicture(publish);
  change((exchange) => ({
    ...exchange,
    rounds: [...former.rounds, round],
    shown,
    notice: undefined,
    isRefused: false,
  }));
  announcement.value = "The model is answering.";
  try {
    const chunks = client.value.streamChat({ ...asked, ...shownWith(asked.sampler) }, { signal: stop });
    for await (const chunk of chunks) {
      round = addChunk(round, chunk);
      publishSoon();
    }
    publish();
    announcement.value = `Answer: ${round.answers[0]!.text}`;
  } catch (error) {
    const isEmpty = round.answers.every(({ text }) => text === "");
    const notice = stop.aborted ? stopped(isEmpty, asked.sampler) : reasonOf(error);
    change((exchange) =>
      isEmpty
        ? { ...former, notice, isRefused: isRefusal(error) }
        : { ...exchange, rounds: [...former.rounds, round], notice },
    );
    announcement.value = notice;
  } finally {
    publishSoon.cancel();
  }
}

/** What answers are asked to tell, beside their text. */
const shownWith = (
  sampler: ChatRequest["sampler"],
): Pick<ChatRequest, "logprobs" | "top_logprobs" | "entropy"> & object => ({
  logprobs: true,
  top_logprobs: alternatives,
  entropy: true,
  ...(sampler === "power" ? { stream_options: { include_progress: true } } : {}),
});

/** What is asked of the model for another answer to the last question, by the settings as they are. */
const requestFor = (conversation: readonly Exchange[]): AskedChat => ({
  messages: messagesOf(conversation),
  ...chatForm.common(),
  ...chatForm.settings(),
  seed: crypto.getRandomValues(new Uint32Array(1))[0]!,
});

/** The conversation up to its last question. A question without an answer is left out: there is nothing to go on from. */
function messagesOf(conversation: readonly Exchange[]): ChatRequest["messages"] {
  const system = systemMessage.value.trim();
  const before = conversation.slice(0, -1).flatMap((exchange) => {
    const text = drawnIn(exchange)[exchange.shown]?.answer.text ?? "";
    if (text === "") return [];
    return [
      { role: "user" as const, content: exchange.question },
      { role: "assistant" as const, content: text },
    ];
  });
  return [
    ...(system === "" ? [] : [{ role: "system" as const, content: system }]),
    ...before,
    { role: "user" as const, content: conversation.at(-1)!.question },
  ];
}

const stopped = (isEmpty: boolean, sampler: ChatRequest["sampler"]): string => {
  if (!isEmpty) return "Stopped here.";
  return sampler === "power"
    ? "Stopped before the chain was through: what it had was not yet an answer."
    : "Stopped before anything was said.";
};

/** Whether the question itself was refused: where a setting was, or a key, that can be mended and the same asked again. */
const isRefusal = (error: unknown): boolean =>
  error instanceof ClientError && refusals.includes(error.code) && problem.peek() === undefined;

/** A refused setting is said at the setting, everything else here. */
function reasonOf(error: unknown): string {
  showProblem(error);
  const { control, message } = problem.value!;
  if (control !== undefined) return "Not answered: a setting was refused, as it says there.";
  problem.value = undefined;
  return message;
}

function change(how: (last: Exchange) => Exchange): void {
  const last = lastExchange.peek();
  if (last !== undefined) exchanges.value = [...exchanges.peek().slice(0, -1), how(last)];
}

/** Parts of an answer come faster than pictures. */
function oncePerPicture(work: () => void): (() => void) & { cancel(): void } {
  let picture: number | undefined;
  const ask = (): void => {
    picture ??= requestAnimationFrame(() => {
      picture = undefined;
      work();
    });
  };
  const cancel = (): void => {
    if (picture !== undefined) cancelAnimationFrame(picture);
  };
  return Object.assign(ask, { cancel });
}
