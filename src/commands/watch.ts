import { randomInt } from "node:crypto";
import { clearScreenDown, moveCursor } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { Command, Option } from "commander";
import { MetropolisClient } from "../client/client.ts";
import type { CompleteRequest, EventOf } from "../client/client.ts";
import { parseAddress } from "../evaluation/server-request.ts";
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
import { refuseEngineOptions, refuseModelOptions, refuseServerOptions } from "./idle-options.ts";
import { provideModel, provideTokenizer } from "./provide-model.ts";
import { argument, integerFrom, modelOptions, option, seedFrom } from "./options.ts";
import { selectionOf, selectionOptions } from "./selection-options.ts";
import type { SelectionSettings } from "./selection-options.ts";
import { reachServer } from "../assembly/own-server.ts";
import type { ReachedServer } from "../assembly/own-server.ts";
import { usualEngine } from "../assembly/engine-settings.ts";
import type { EngineSettings } from "../assembly/engine-settings.ts";
import { TerminalView, describeRequest, describeVotes, isOfAnother, printable } from "./terminal-view.ts";

interface WatchSettings extends EngineOptions, ConstraintSettings, SelectionSettings {
  readonly url: string | undefined;
  readonly apiKey: string | undefined;
  readonly model: string;
  readonly dtype: EngineSettings["dtype"];
  readonly sampler: SamplerName;
  /** Fields of the sampler, as the API has them. */
  readonly fields: Readonly<Record<string, unknown>>;
  readonly maxTokens?: number;
  readonly seed?: number | string;
  readonly pace: number;
  readonly json: boolean;
}

const examples = `
Examples:
  metropolis watch "9*4+3-4-2=" --seed 7                   the embedded model, in this process
  metropolis watch "9*4+3-4-2=" --proposal-temperature 1   bolder proposals
  metropolis watch "9*4+3-4-2=" --regex "#[0-9]{1,2}"      an answer of that form
  metropolis watch "9*4+3-4-2=" --kernel tempering --cut entropy
  metropolis watch "9*4+3-4-2=" --best-of 8 --select vote --select-answer last_number
  metropolis watch "Once" --model onnx-community/Qwen2.5-0.5B-Instruct --dtype q4
  metropolis watch "9*4+3-4-2=" --json | jq 'select(.type == "decision") | .outcome'
  metropolis watch "9*4+3-4-2=" --url http://127.0.0.1:8000  a server that is running
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
      option(
        "--model <folder|id>",
        "model to run where no server is asked; one of the hub is pulled once",
      ).default(usualEngine.model, "the embedded abacus"),
    )
    .addOption(modelOptions.dtype())
    .addOption(new Option("--sampler <name>", "how to sample").choices(samplerNames).default("power"))
    .addOption(number("--max-tokens <n>", "most tokens; the model's when left out", integerFrom(1)))
    .addOption(number("--seed <n>", "repeats a run; a fresh one when left out", seedFrom))
    .addOption(
      number("--pace <n>", "steps shown in a second; 0 as fast as they come", integerFrom(0, 1000)).default(
        30,
      ),
    )
    .addOption(
      new Option("--json", "for programs: each event of the WebSocket as a line")
        .default(false)
        .conflicts("pace"),
    )
    .addHelpText("after", examples);
  for (const one of [...constraintOptions(), ...selectionOptions(), ...engineServerOptions()])
    command.addOption(one);
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
  const body = {
    ...requestOf(prompt, settings),
    ...selectionOf(settings),
    ...(await readConstraint(settings)),
  };
  const { url, model } = settings;
  if (url === undefined) refuseServerOptions(command);
  else {
    refuseEngineOptions(command);
    refuseModelOptions(command);
  }
  sayAtOnce(
    url === undefined
      ? `loading ${model === usualEngine.model ? "the embedded model" : model}`
      : `asking ${url}`,
  );
  await using server = await openServer(settings, command);
  const client = new MetropolisClient({ baseUrl: server.url, apiKey: server.apiKey });
  try {
    if (settings.json) {
      await writeEvents(client, body);
      return;
    }
    const done = await (process.stdout.isTTY && process.env.TERM !== "dumb"
      ? watchLive(client, body, settings)
      : watchInLines(client, body));
    console.log(summary(done, body.seed));
  } catch (error) {
    throw byOptions(error);
  }
}

/** To whoever looks on while there is nothing to see yet; files and pipes hold the answer alone. */
function sayAtOnce(text: string): void {
  if (process.stderr.isTTY) console.error(text);
}

async function openServer(settings: WatchSettings, command: Command): Promise<ReachedServer> {
  hideKeys(command);
  const { url, apiKey, model, dtype } = settings;
  if (url !== undefined) return reachServer({ url: parseAddress(url), apiKey });
  const server = await readEngineServer(settings, command);
  await (server === undefined ? provideModel({ model, dtype }) : provideTokenizer(model));
  return reachServer({ url, apiKey, model, dtype, server });
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
  const view = new TerminalView({
    prompt: body.prompt,
    columns: Math.max(1, (out.columns || 80) - 1),
    colors: out.hasColors(),
  });
  let drawn = 0;
  const draw = (): void => {
    if (drawn > 1) moveCursor(out, 0, 1 - drawn);
    if (drawn > 0) out.write("\r");
    clearScreenDown(out);
    // What has left the screen cannot be drawn again.
    const lines = view.lines().slice(-Math.max(1, (out.rows || 24) - 1));
    out.write(lines.join("\n"));
    drawn = lines.length;
  };
  const leave = (): void => {
    out.write("\n\n");
  };
  // A signal ends the process where it stands; what the shell says next begins a line of its own.
  process.once("exit", leave);
  // The prompt stands there until there is more to see.
  draw();
  try {
    for await (const event of client.watch(body)) {
      if (event.type === "done") return event;
      if (!view.take(event)) continue;
      draw();
      // What says how far a draft is shall not hold it up.
      if (pace > 0 && event.type !== "progress") await sleep(1000 / pace);
    }
  } finally {
    process.off("exit", leave);
    leave();
  }
  throw new Error("a watch ends with done");
}

/** One line for each revision, where the output is a file or a pipe. */
async function watchInLines(client: MetropolisClient, body: CompleteRequest): Promise<EventOf<"done">> {
  const view = new TerminalView({ prompt: "", columns: Infinity, colors: false });
  for await (const event of client.watch(body)) {
    if (event.type === "done") return event;
    view.take(event);
    if (event.type === "accepted") sayAtOnce(describeRequest(event));
    if (event.type === "votes") console.log(describeVotes(event.votes));
    if (event.type !== "revision" || isOfAnother(event)) continue;
    const [text] = view.lines();
    console.log(`${view.place(event)}  log p ${event.logprob.toFixed(2)}  ${text}`);
  }
  throw new Error("a watch ends with done");
}

/** For scripts: the events as they are, `done` the last. */
async function writeEvents(client: MetropolisClient, body: CompleteRequest): Promise<void> {
  for await (const event of client.watch(body)) console.log(JSON.stringify(event));
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
  const certainty =
    choice.self_certainty === undefined ? "" : `self-certainty ${choice.self_certainty.toFixed(2)}, `;
  const tallies = (response.votes ?? []).map(describeVotes);
  if (run === undefined || !isRunReport(run))
    return [answer, "", `${certainty}seed ${seed}`, ...tallies].join("\n");
  const { logprob, drawn_tokens, remembered_tokens, evaluated_tokens } = run;
  const tokens = `${drawn_tokens} tokens drawn, ${remembered_tokens} remembered, ${evaluated_tokens} tokens evaluated`;
  const cost = `log p ${logprob.toFixed(2)}, ${tokens}, ${certainty}seed ${seed}`;
  return [
    answer,
    "",
    cost,
    ...tallies,
    ...describeDraw(choice),
    ...describeSteps(choice),
    ...remarksOn(choice),
  ].join("\n");
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
