import type { Completer, CompleterHealth } from "../src/decoder/completer.ts";
import type { SamplerSettings } from "../src/samplers/registry.ts";
import { chatQuestions } from "./frontier/questions.ts";
import { openCompleter } from "./chains.ts";
import { encodeQuestion } from "./question.ts";
import { median, printRow, printTable, time } from "./report.ts";
import { localDetails } from "../src/engine/health.ts";

const maxTokens = 128;

interface Case {
  readonly name: string;
  readonly settings: SamplerSettings;
  readonly questions: readonly string[];
  readonly atOnce: number;
}

const power: SamplerSettings = {
  sampler: "power",
  alpha: 4,
  mcmcSteps: 2,
  blockSize: maxTokens,
  proposalTemperature: 0.25,
  schedule: "full",
  warmUp: { name: "particles", particles: 20 },
};
const blocks: SamplerSettings = { ...power, blockSize: 8, warmUp: { name: "blocks" } };
/** The paper's own setting, whose proposals go over the same text time and again. */
const reference: SamplerSettings = { ...blocks, mcmcSteps: 10 };
const plain: SamplerSettings = { sampler: "standard", temperature: 1 };

const chat = chatQuestions.slice(0, 6).map(({ text }) => text);
const story =
  "The keeper of the lighthouse woke before dawn, lit the stove, and climbed the hundred and twelve steps to the lamp. He cleaned the glass, trimmed the wick, and wrote down the weather in his book.";
const repeating = [
  `Repeat this text word for word: ${story}`,
  `Correct the spelling of this text, and change nothing else: ${story.replace("lighthouse", "lighthous")}`,
  `Write this text three times: ${story.slice(0, 60)}`,
  "Count from one to forty, one number on each line, as in: Number 1 of forty.",
];

const cases: readonly Case[] = [
  { name: "power, as it comes", settings: power, questions: chat, atOnce: 1 },
  { name: "power, 16 blocks x 2", settings: blocks, questions: chat.slice(0, 2), atOnce: 1 },
  { name: "power, 16 blocks x 10", settings: reference, questions: chat.slice(0, 4), atOnce: 1 },
  { name: "standard, T = 1", settings: plain, questions: chat, atOnce: 1 },
  { name: "greedy, texts that repeat", settings: { sampler: "greedy" }, questions: repeating, atOnce: 1 },
  { name: "power, 4 at once", settings: power, questions: chat.slice(0, 4), atOnce: 4 },
  {
    name: "standard, 16 at once",
    settings: plain,
    questions: [...chat, ...chat, ...chat, ...chat, ...chat, ...chat].slice(0, 32),
    atOnce: 16,
  },
];

interface Drawn {
  readonly tokens: readonly number[];
  readonly logprobs: readonly number[];
}

/** What uses the arithmetic that a pass of one row leaves idle; a chain has both as it comes. */
const sides = [
  { prefetch: false, speculation: false },
  { prefetch: true, speculation: false },
  { prefetch: false, speculation: true },
  { prefetch: true, speculation: true },
] as const;

/**
 * What trying several tokens a pass does, with and without steps begun ahead, case by case: the same requests to each side
 * in turns, the first turn another one's each time.
 * @param only cases whose names have this in them
 */
export async function benchSpeculation(model: string, threads: number, only = ""): Promise<void> {
  const completers = await Promise.all(
    sides.map((side) => openCompleter({ model, threads, context: 1024, lanes: 16, ...side })),
  );
  const [first] = completers;
  for (const completer of completers)
    await ask(completer, await encodeQuestion(completer, "Hello."), plain, 0);
  console.log(
    `\n${first!.model.id}, ${threads} thread(s), ${maxTokens} tokens at most: neither / steps ahead / drafts / both\n`,
  );
  printTable(
    [
      "",
      "passes",
      "drafts alone: tried, drawn",
      "seconds",
      "against neither (medians of turns)",
      "same answers",
      "log-probs differ by up to",
    ],
    [],
  );
  for (const one of cases.filter(({ name }) => name.includes(only))) await runCase(completers, one);
  for (const completer of completers) await completer[Symbol.asyncDispose]();
}

async function runCase(
  completers: readonly Completer[],
  { name, settings, questions, atOnce }: Case,
): Promise<void> {
  const before = await Promise.all(completers.map((completer) => completer.health()));
  const seconds: number[][] = completers.map(() => []);
  const answers: Drawn[][] = completers.map(() => []);
  for (let start = 0; start < questions.length; start += atOnce) {
    const turn = Array.from({ length: atOnce }, (_, index) => start + index);
    for (const offset of completers.keys()) {
      const place = (offset + start / atOnce) % completers.length;
      const completer = completers[place]!;
      seconds[place]!.push(
        await time(async () => {
          const drawn = await Promise.all(
            turn.map(async (index) => {
              // Prompts of its own: what other cases said after theirs foretells nothing here.
              const question = `${questions[index % questions.length]!} (${name})`;
              const prompt = await encodeQuestion(completer, question);
              return ask(completer, prompt, settings, index);
            }),
          );
          answers[place]!.push(...drawn);
        }),
      );
    }
  }
  const after = await Promise.all(completers.map((completer) => completer.health()));
  const spent = (of: (health: CompleterHealth) => number, place: number): number =>
    of(after[place]!) - of(before[place]!);
  const passes = sides.map((_, place) => spent((health) => localDetails(health)?.passes ?? NaN, place));
  const draftsAlone = sides.findIndex(({ prefetch, speculation }) => speculation && !prefetch);
  const tried = spent((health) => localDetails(health)?.speculation.draftedTokens ?? NaN, draftsAlone);
  const drawn = spent((health) => localDetails(health)?.speculation.acceptedTokens ?? NaN, draftsAlone);
  const [neither, ...others] = seconds as [number[], ...number[][]];
  const ratios = others.map((own) => median(neither.map((ms, turn) => ms / own[turn]!)).toFixed(2));
  const [plainly, ...faster] = answers as [Drawn[], ...Drawn[][]];
  const same = faster.map(
    (own) => own.filter(({ tokens }, index) => tokens.join() === plainly[index]!.tokens.join()).length,
  );
  const moved = faster.flatMap((own) => own.flatMap((answer, index) => differences(plainly[index]!, answer)));
  printRow([
    name,
    passes.join(" / "),
    `${tried}, ${drawn}`,
    seconds.map((own) => own.reduce((a, b) => a + b, 0).toFixed(1)).join(" / "),
    ratios.map((ratio) => `${ratio}x`).join(" / "),
    `${same.join(" / ")} of ${plainly.length}`,
    Math.max(0, ...moved).toExponential(1),
  ]);
}

/** Of log p, as far as both drew the same. */
function differences(a: Drawn, b: Drawn): number[] {
  const end = a.tokens.findIndex((token, index) => token !== b.tokens[index]);
  const common = end < 0 ? a.tokens.length : end;
  return a.logprobs.slice(0, common).map((logprob, index) => Math.abs(logprob - b.logprobs[index]!));
}

async function ask(
  completer: Completer,
  prompt: readonly number[],
  settings: SamplerSettings,
  seed: number,
): Promise<Drawn> {
  const tokens: number[] = [];
  const logprobs: number[] = [];
  const request = { prompt, settings, maxTokens, stop: [], seed, choice: 0, topCount: 0 };
  for await (const event of completer.complete(request, new AbortController().signal)) {
    if (event.type !== "text") continue;
    for (const { token, logprob } of event.tokens) {
      tokens.push(token);
      logprobs.push(logprob);
    }
  }
  return { tokens, logprobs };
}
