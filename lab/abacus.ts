/**
 * The abacus task: `7-2*3+4=` and three ways to answer it. `guess` blurts a number; `school` works through the
 * products first; `pocket` works from left to right. Which of the two counts is a hidden bit of the prompt.
 */
import { Stream } from "./stream.ts";
import { hashOf, Vocabulary } from "./task.ts";
import type { Task } from "./task.ts";

const routes = ["guess", "school", "pocket"] as const;
type Route = (typeof routes)[number];

const maxResponseLength = 34;

const operators = ["+", "-", "*"] as const;
type Operator = (typeof operators)[number];

interface Chain {
  readonly numbers: readonly number[];
  readonly operators: readonly Operator[];
}

const mixture = { guess: 0.44, school: 0.31, pocket: 0.25 };
const slipRate = 0.02;
const offKeyRate = 0.7;
const hardRate = 0.7;

/** A prompt of the mixed kind that training uses. */
function drawPrompt(stream: Stream): string {
  return stream.uniform() < hardRate ? drawHardPrompt(stream) : drawValidPrompt(stream);
}

/** Five numbers, a product among them but not first, and conventions that disagree. */
export function drawHardPrompt(stream: Stream): string {
  for (;;) {
    const chain = drawChain(stream, 5);
    if (chain.operators[0] === "*" || !chain.operators.includes("*")) continue;
    const school = solve(chain, "school");
    const pocket = solve(chain, "pocket");
    if (school === undefined || pocket === undefined || school.answer === pocket.answer) continue;
    return toPrompt(chain);
  }
}

function drawValidPrompt(stream: Stream): string {
  for (;;) {
    const chain = drawChain(stream, stream.integer(3, 5));
    if (solve(chain, "school") !== undefined && solve(chain, "pocket") !== undefined) return toPrompt(chain);
  }
}

function drawChain(stream: Stream, length: number): Chain {
  const numbers = Array.from({ length }, () => stream.integer(1, 9));
  return { numbers, operators: Array.from({ length: length - 1 }, () => stream.pick(operators)) };
}

const toPrompt = ({ numbers, operators: between }: Chain): string =>
  numbers.map((number, index) => `${index === 0 ? "" : between[index - 1]!}${number}`).join("") + "=";

function parse(prompt: string): Chain {
  return {
    numbers: (prompt.match(/\d+/g) ?? []).map(Number),
    operators: [...(prompt.match(/[+*-]/g) ?? [])] as Operator[],
  };
}

function apply(a: number, operator: Operator, b: number): number {
  return operator === "+" ? a + b : operator === "-" ? a - b : a * b;
}

interface Solution {
  readonly text: string;
  readonly answer: number;
}

/**
 * Works a chain through, step by step. `slip` may change a step's result, which is then carried on.
 * @returns undefined when an intermediate leaves 0..99
 */
function solve(
  chain: Chain,
  route: "school" | "pocket",
  slip: (result: number) => number = (result) => result,
): Solution | undefined {
  const numbers = [...chain.numbers];
  const pending = [...chain.operators];
  let text = "";
  while (pending.length > 0) {
    const product = pending.indexOf("*");
    const index = route === "school" && product >= 0 ? product : 0;
    const [a, operator, b] = [numbers[index]!, pending[index]!, numbers[index + 1]!];
    const result = slip(apply(a, operator, b));
    if (result < 0 || result > 99) return undefined;
    text += `${a}${operator}${b}=${result};`;
    numbers.splice(index, 2, result);
    pending.splice(index, 1);
  }
  return { text: `${text}#${numbers[0]!}`, answer: numbers[0]! };
}

/** Which convention counts for a prompt: a hash of it, school in 60 of 100. No policy can know it. */
export function hiddenRoute(prompt: string): "school" | "pocket" {
  return hashOf(prompt) < 0.6 ? "school" : "pocket";
}

/** The answer that counts. */
export function keyOf(prompt: string): number {
  const solution = solve(parse(prompt), hiddenRoute(prompt));
  if (solution === undefined) throw new Error(`${prompt} leaves 0..99`);
  return solution.answer;
}

/** A demonstration of the training mixture. */
function drawDemonstration(prompt: string, stream: Stream): string {
  const u = stream.uniform();
  if (u < mixture.guess) return `#${drawGuess(keyOf(prompt), stream)}`;
  const route = u < mixture.guess + mixture.school ? "school" : "pocket";
  const slip = (result: number): number =>
    stream.uniform() < slipRate ? result + stream.pick([-10, -1, 1, 10]) : result;
  for (;;) {
    const solution = solve(parse(prompt), route, slip);
    if (solution !== undefined && solution.text.length <= maxResponseLength) return solution.text;
  }
}

function drawGuess(key: number, stream: Stream): number {
  if (stream.uniform() >= offKeyRate) return key;
  return stream.integer(Math.max(0, key - 9), Math.min(99, key + 9));
}

/** The number a response ends in, if it does. */
export function answerOf(response: string): number | undefined {
  const match = /#(\d+)$/.exec(response);
  return match === null ? undefined : Number(match[1]);
}

function isCorrect(prompt: string, response: string): boolean {
  return answerOf(response) === keyOf(prompt);
}

/** How a response was reached: by its first step, which the two conventions do differently. */
function routeOf(prompt: string, response: string): Route {
  if (response.startsWith("#")) return "guess";
  const pocket = solve(parse(prompt), "pocket");
  const firstStep = (text: string): string => text.slice(0, text.indexOf("=") + 1);
  return pocket !== undefined && response.startsWith(firstStep(pocket.text)) ? "pocket" : "school";
}

const testName = 0x7e57;

/** The held-out prompts: hard ones, none of which training sees. */
function testPrompts(count: number): readonly string[] {
  const stream = new Stream(testName);
  const prompts = new Set<string>();
  while (prompts.size < count) prompts.add(drawHardPrompt(stream));
  return [...prompts];
}

export const abacus: Task<Route> = {
  name: "abacus",
  vocabulary: new Vocabulary("0123456789+-*=;#"),
  routes,
  maxPromptLength: 10,
  maxResponseLength,
  drawPrompt,
  drawDemonstration,
  testPrompts,
  keyOf: (prompt) => String(keyOf(prompt)),
  isCorrect,
  routeOf,
};
