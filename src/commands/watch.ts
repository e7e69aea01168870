import { randomInt } from "node:crypto";
import { clearScreenDown, moveCursor } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { Command, Option } from "commander";
import { MetropolisClient } from "../client/client.ts";
import type { CompleteRequest, EventOf } from "../client/client.ts";
import { countTries } from "../samplers/exact/report.ts";
import { isRunReport } from "../samplers/report.ts";
import { optionFields } from "../samplers/option-fields.ts";
import { findReport, samplerNames } from "../samplers/registry.ts";
import type { Reports, SamplerName } from "../samplers/registry.ts";
import { chainReportOf, remarksOn } from "../samplers/remarks.ts";
import { byOptions, constraintOptions, readConstraint } from "./constraint-options.ts";
import type { ConstraintSettings } from "./constraint-options.ts";
import { engineServerOptions, hideKeys, readEngineServer } from "./engine-options.ts";
import type { EngineOptions } from "./engine-options.ts";
import { refuseEngineOptions } from "./idle-options.ts";
import { provideTokenizer } from "./provide-model.ts";
import { argument, integerFrom, option, seedFrom } from "./options.ts";
import { reachServer } from "../assembly/own-server.ts";
import type { ReachedServer } from "../assembly/own-server.ts";
import { usualEngine } from "../assembly/engine-settings.ts";
import { TerminalView, printable } from "./terminal-view.ts";

interface WatchSettings extends EngineOptions, ConstraintSettings {
  readonly url: string | undefined;
  readonly apiKey: string | undefined;
  readonly model: string;
  readonly sampler: SamplerName;
  /** Fields of the sampler, as the API has them. */
  readonly fields: Readonly<Record<string, unknown>>;
  readonly maxTokens?: number;
  readonly seed?: number | string;
  readonly pace: number;
}

const examples = `
Examples:
  metropolis watch "7-2*3+4=" --seed 42                    the embedded model, in this process
  metropolis watch "7-2*3+4=" --proposal-temperature 1     bolder proposals
  metropolis watch "7-2*3+4=" --regex "#[0-9]{1,2}"        an answer of that form
  metropolis watch "7-2*3+4=" --url http://127.0.0.1:8000  a server that is running
  metropolis watch "Once" --engine vllm --engine-url http://gpu:8000 --model Qwen/Qwen3-8B
                                                           a model that vLLM runs`;

/** `metropolis watch` */
export function watchCommand(): Command {
  const number = (flags: string, description: string, parse: (text: string) => number | string): Option =>
    new Option(flags, description).argParser(parse);
  const command = new Command("watch")
    .description("Watch an answer come to be: power sampling rewrites it until its last step.")
    .argument("<prompt>", "text to continue")
    .addOption(option("--url <address>", "server to ask; without one the model runs in this process"))
    .addOption(option("--api-key <key>", "key that the server wants"))
    .addOption(
      option("--model <folder>", "model to run where no server is asked").default(
        usualEngine.model,
        "the embedded abacus",
      ),
    )
    .addOption(new Option("--sampler <name>", "how to sample").choices(samplerNames).default("power"))
    .addOption(number("--max-tokens <n>", "most tokens; the model's when left out", integerFrom(1)))
    .addOption(number("--seed <n>", "repeats a run; a fresh one when left out", seedFrom))
    .addOption(
      number("--pace <n>", "steps shown in a second; 0 as fast as they come", integerFrom(0, 1000)).default(
        30,
      ),
    )
    .addHelpText("after", examples);
  for (const one of [...constraintOptions(), ...engineServerOptions()]) command.addOption(one);
  const fields = optionFields.map(({ name, option: flag, users, meaning, usual, parse }) => {
    const own = new Option(`${flag} <value>`, `${users.join(", ")}: ${meaning} Default: ${usual}.`);
    command.addOption(own.argParser(argument(parse)));
    return [name, own.attributeName()] as const;
  });
  return command.action((prompt: string, settings: WatchSettings & Readonly<Record<string, unknown>>) =>
    watch(
      prompt,
      {
        ...settings,
        fields: Object.fromEntries(fields.map(([name, attribute]) => [name, settings[attribute]])),
      },
      command,
    ),
  );
}

async function watch(prompt: string, settings: WatchSettings, command: Command): Promise<void> {
  const body = { ...requestOf(prompt, settings), ...(await readConstraint(settings)) };
  await using server = await openServer(settings, command);
  const client = new MetropolisClient({ baseUrl: server.url, apiKey: server.apiKey });
  const watching = process.stdout.isTTY ? watchLive(client, body, settings) : watchInLines(client, body);
  const done = await watching.catch((error: unknown) => {
    throw byOptions(error);
  });
  console.log(summary(done, body.seed));
}

async function openServer(settings: WatchSettings, command: Command): Promise<ReachedServer> {
  hideKeys(command);
  const { url, apiKey, model } = settings;
  if (url !== undefined) {
    refuseEngineOptions(command);
    return reachServer({ url, apiKey });
  }
  const server = await readEngineServer(settings, command);
  if (server !== undefined) await provideTokenizer(model);
  return reachServer({ url, apiKey, model, server });
}

function requestOf(
  prompt: string,
  { sampler, fields, maxTokens, seed }: WatchSettings,
): CompleteRequest & { readonly prompt: string; readonly seed: number | string } {
  return {
    prompt,
    sampler,
    ...fields,
    max_tokens: maxTokens,
    seed: seed ?? randomInt(2 ** 31),
  };
}

/** Redraws a few lines in place, at a pace that eyes can follow. */
async function watchLive(
  client: MetropolisClient,
  body: CompleteRequest & { readonly prompt: string },
  { pace }: WatchSettings,
): Promise<EventOf<"done">> {
  const out = process.stdout;
  const view = new TerminalView({ prompt: body.prompt, columns: out.columns - 1, colors: out.hasColors() });
  let drawn = 0;
  const draw = (): void => {
    if (drawn > 1) moveCursor(out, 0, 1 - drawn);
    if (drawn > 0) out.write("\r");
    clearScreenDown(out);
    // What has left the screen cannot be drawn again.
    const lines = view.lines().slice(1 - out.rows);
    out.write(lines.join("\n"));
    drawn = lines.length;
  };
  try {
    for await (const event of client.watch(body)) {
      if (event.type === "done") return event;
      if (!view.take(event)) continue;
      draw();
      if (pace > 0) await sleep(1000 / pace);
    }
  } finally {
    if (drawn > 0) out.write("\n\n");
  }
  throw new Error("a watch ends with done");
}

/** One line for each revision, where the output is a file or a pipe. */
async function watchInLines(client: MetropolisClient, body: CompleteRequest): Promise<EventOf<"done">> {
  const view = new TerminalView({ prompt: "", columns: Infinity, colors: false });
  for await (const event of client.watch(body)) {
    if (event.type === "done") return event;
    view.take(event);
    if (event.type !== "revision") continue;
    const [text] = view.lines();
    console.log(`${view.place(event)}  log p ${event.logprob.toFixed(2)}  ${text}`);
  }
  throw new Error("a watch ends with done");
}

/** What is left on the screen: the answer, and how it came to be. */
export function summary({ response }: Pick<EventOf<"done">, "response">, seed: number | string): string {
  const choice = response.choices[0]!;
  const end =
    choice.ended_early === undefined
      ? ""
      : "\n\nThe server shut down before the sampler was through; this is what it had come to.";
  const answer = printable(choice.text) + end;
  const run = findReport(choice)?.body;
  if (run === undefined || !isRunReport(run)) return `${answer}\n\nseed ${seed}`;
  const { logprob, drawn_tokens, remembered_tokens, evaluated_tokens } = run;
  const tokens = `${drawn_tokens} tokens drawn, ${remembered_tokens} remembered, ${evaluated_tokens} tokens evaluated`;
  const cost = `log p ${logprob.toFixed(2)}, ${tokens}, seed ${seed}`;
  return [answer, "", cost, ...describeDraw(choice), ...describeSteps(choice), ...remarksOn(choice)].join(
    "\n",
  );
}

function describeDraw({ exact }: Reports): string[] {
  if (exact?.log_evidence == null) return [];
  const { tries, log_evidence: evidence, log_evidence_bound: bound } = exact;
  return [
    `exact draw in ${countTries(tries)}: log of the sum of p(x)^alpha about ${evidence.toFixed(2)}, at most ${bound.toFixed(2)}`,
  ];
}

function describeSteps(choice: Reports): string[] {
  const report = chainReportOf(choice);
  if (report === undefined) return [];
  const { steps, moved, unchanged, rejected, rejected_early } = report;
  return [
    `${steps} steps: ${moved} moved, ${unchanged} unchanged, ${rejected + rejected_early} rejected (${rejected_early} early)`,
  ];
}
