/**
 * The pivot task: one early token decides, and the likelier one is wrong. `482913=` is answered by the last two
 * states of a machine that reads the digits one by one, from state 0. A `guess` (`#30`) blurts two states, blindly;
 * routes `a` and `b` work through the prompt by one of two tables, writing each digit and the state it leads to
 * (`a408322901231#21`). Which table counts is a hidden bit of the prompt. It is the
 * stress test of mixing: a guess has most of the mass at the first token and 16 equally unlikely futures
 * (arXiv 2510.14901, proposition 3).
 */
import { Stream } from "./stream.ts";
import { hashOf, Vocabulary } from "./task.ts";
import type { Task } from "./task.ts";

const routes = ["guess", "a", "b"] as const;
type Route = (typeof routes)[number];
type Table = Exclude<Route, "guess">;

const digits = 6;
const states = 4;
const mixture = { guess: 0.6, a: 0.22 };
const slipRate = 0.02;

/**
 * The state after a digit. For each digit either table permutes the states, so that nothing short of working
 * through all digits tells the answer; the permutations of different digits do not commute.
 */
const permutations = {
  a: ["1230", "2301", "1032", "3210", "0231", "3012", "2130", "0312", "3201", "1302"],
  b: ["3021", "0213", "2310", "1320", "3102", "1203", "0321", "2031", "1023", "2103"],
} as const;

const nextState = (table: Table, state: number, digit: string): number =>
  Number(permutations[table][Number(digit)]![state]);

function drawPrompt(stream: Stream): string {
  return `${Array.from({ length: digits }, () => stream.integer(0, 9)).join("")}=`;
}

/** Works a prompt through. `slip` may change a state, which is then carried on. */
function work(prompt: string, table: Table, slip: (state: number) => number = (state) => state): string {
  let text = table as string;
  const passed = [0];
  for (const digit of prompt.slice(0, digits)) {
    const state = slip(nextState(table, passed.at(-1)!, digit));
    passed.push(state);
    text += `${digit}${state}`;
  }
  return `${text}#${passed.slice(-2).join("")}`;
}

/** Which table counts for a prompt: a hash of it, `a` in 60 of 100. No policy can know it. */
export function hiddenTable(prompt: string): Table {
  return hashOf(prompt) < 0.6 ? "a" : "b";
}

const answerOf = (response: string): string | undefined => /#(\d\d)$/.exec(response)?.[1];

function keyOf(prompt: string): string {
  return answerOf(work(prompt, hiddenTable(prompt)))!;
}

function drawDemonstration(prompt: string, stream: Stream): string {
  const u = stream.uniform();
  const blind = (): number => stream.integer(0, states - 1);
  if (u < mixture.guess) return `#${blind()}${blind()}`;
  const slip = (state: number): number =>
    stream.uniform() < slipRate ? (state + stream.integer(1, states - 1)) % states : state;
  return work(prompt, u < mixture.guess + mixture.a ? "a" : "b", slip);
}

const testName = 0x91707;

function testPrompts(count: number): readonly string[] {
  const stream = new Stream(testName);
  const prompts = new Set<string>();
  while (prompts.size < count) prompts.add(drawPrompt(stream));
  return [...prompts];
}

export const pivot: Task<Route> = {
  name: "pivot",
  vocabulary: new Vocabulary("0123456789ab=#"),
  routes,
  maxPromptLength: digits + 1,
  maxResponseLength: 1 + 2 * digits + 3,
  drawPrompt,
  drawDemonstration,
  testPrompts,
  keyOf,
  isCorrect: (prompt, response) => answerOf(response) === keyOf(prompt),
  routeOf: (_prompt, response) => (response.startsWith("a") ? "a" : response.startsWith("b") ? "b" : "guess"),
};
