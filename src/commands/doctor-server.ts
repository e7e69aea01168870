import { provideTokenizer } from "./provide-model.ts";
import type { EngineServer } from "../assembly/engine-settings.ts";
import { isMendable } from "../assembly/mendable.ts";
import { openServer } from "../assembly/server-engine.ts";
import type { OpenedServer } from "../assembly/server-engine.ts";
import { readModelFolder } from "../decoder/model-folder.ts";
import { lawsInWords } from "../engine/remote/facts.ts";
import type { ServerFacts } from "../engine/remote/facts.ts";
import { describeToolSupport, findToolSupport } from "./tool-support.ts";
import type { ToolSupport } from "./tool-support.ts";

/** What was found out about a server, in names for programs. */
export interface ServerReport {
  readonly verdict: "usable" | "refused";
  /** Why it is refused, with what mends it. */
  readonly reason?: string;
  readonly server: { readonly dialect: string; readonly url: string; readonly version?: string | null };
  /** Absent where it was refused. */
  readonly model?: { readonly name: string; readonly contextLength: number; readonly vocabularySize: number };
  readonly can?: ServerAbilities;
  /** By the chat template of --model. */
  readonly tools?: ToolSupport;
  /** What would make it better, or should be known. */
  readonly notes?: readonly string[];
}

/** `null` for what it does not tell. */
interface ServerAbilities {
  /** Whether it makes the tokens of --model. */
  readonly tokenizer: "agrees" | null;
  /** Measured. */
  readonly logprobs: ServerFacts["logprobs"];
  readonly mostTop: number;
  readonly seedsRepeat: boolean;
  /** Between log-probs of decoding and of a prompt's pass, nats at most. */
  readonly disagreement: number | null;
  readonly reproducibility: string;
  /** Tokens go in, and come back, as ids. */
  readonly tokenIds: boolean;
  readonly tellsEnds: boolean;
  readonly aborts: boolean | null;
  readonly prefixCache: boolean | null;
  readonly scores: boolean;
  /** Whether answers can be held to schemas, patterns and grammars. */
  readonly constraints: boolean;
  readonly truncation: boolean;
  readonly adjustments: readonly string[];
}

/** Measures what a server can do. What is refused is reported, and fails the command. */
export async function examineServer(model: string, server: EngineServer, json: boolean): Promise<void> {
  const report = await reportOn(model, server);
  if (json) console.log(JSON.stringify(report, undefined, 2));
  else for (const [name, value] of serverRows(report)) console.log(`${name.padEnd(11)}${value}`);
  if (report.verdict === "refused") process.exitCode = 1;
}

async function reportOn(model: string, server: EngineServer): Promise<ServerReport> {
  const { folder, id } = await provideTokenizer(model);
  const description = await readModelFolder(folder, id);
  try {
    const opened = await openServer(server, { folder, description });
    await opened.engine[Symbol.asyncDispose]();
    return described(opened, await findToolSupport(description.prompts));
  } catch (error) {
    if (!isMendable(error)) throw error;
    const { dialect, url } = server;
    return { verdict: "refused", reason: error.message, server: { dialect, url } };
  }
}

function described(opened: OpenedServer, tools: ToolSupport): ServerReport {
  const { engine, dialect, server, description, facts, notes, isTokenizerKnown } = opened;
  const { capabilities, vocabularySize } = engine.info;
  return {
    verdict: "usable",
    server: { dialect: dialect.name, url: server.url, version: description.version ?? null },
    model: { name: description.model, contextLength: description.contextLength, vocabularySize },
    can: {
      tokenizer: isTokenizerKnown ? "agrees" : null,
      logprobs: facts.logprobs,
      mostTop: facts.mostTop,
      seedsRepeat: facts.seedsRepeat,
      disagreement: Number.isNaN(facts.disagreement) ? null : facts.disagreement,
      reproducibility: facts.reproducibility,
      // Its answers could not have been read else.
      tokenIds: true,
      tellsEnds: facts.tellsEnds,
      aborts: facts.aborts ?? null,
      prefixCache: facts.caches ?? null,
      scores: capabilities.scores,
      constraints: capabilities.constraints,
      truncation: capabilities.truncation,
      adjustments: dialect.adjustments,
    },
    tools,
    notes,
  };
}

/** The report, as lines of a name and a value. */
export function serverRows({
  reason,
  server,
  model,
  can,
  tools,
  notes = [],
}: ServerReport): [string, string][] {
  const { dialect, url, version = null } = server;
  const head: [string, string] = ["server", `${dialect}${version === null ? "" : ` ${version}`} at ${url}`];
  if (model === undefined || can === undefined || tools === undefined)
    return [head, ["verdict", `refused. ${reason}`]];
  return [
    head,
    [
      "model",
      `'${model.name}', ${model.contextLength} tokens of context, ${model.vocabularySize} in the vocabulary`,
    ],
    ["tokenizer", can.tokenizer === null ? "does not tell" : "makes the same tokens as --model"],
    [
      "ids",
      `tokens go in and come back as ids, ${can.tellsEnds ? "the one that ends a text too" : "but the one that ends a text, which is drawn in calls of one token"}`,
    ],
    ["log-probs", `of ${lawsInWords[can.logprobs]} (measured)`],
    ["likeliest", `${can.mostTop} at most`],
    ["seeds", can.seedsRepeat ? "the same seed draws the same tokens" : "the same seed draws other tokens"],
    ["passes", describePasses(can)],
    [
      "aborts",
      said(
        can.aborts,
        "a call that is closed is drawn no further",
        "a call that is closed is drawn to its end",
      ),
    ],
    [
      "cache",
      said(can.prefixCache, "keeps prefixes that it has run", "keeps nothing of what it has run") +
        (can.prefixCache === null ? (toldBy[dialect] ?? "") : ""),
    ],
    ["scores", can.scores ? "of given tokens: echo, eval --base" : "of no given tokens: echo is refused"],
    [
      "laws",
      [...(can.truncation ? ["top_k, top_p, min_p"] : []), ...can.adjustments].join(", ") ||
        "temperature alone",
    ],
    ["tools", describeToolSupport(tools)],
    [
      "held",
      can.constraints
        ? "answers and calls to schemas"
        : "to nothing: response_format, strict tools and calls that are asked for are refused",
    ],
    ...notes.map((note): [string, string] => ["note", note]),
    ["verdict", describeUse(can)],
  ];
}

/** What has a server tell how much of a prompt it had cached. */
const toldBy: Readonly<Record<string, string>> = {
  vllm: "; --enable-prompt-tokens-details of the server has it tell",
  sglang: "; --enable-cache-report of the server has it tell",
};

const said = (fact: boolean | null, yes: string, no: string): string =>
  fact === null ? "does not tell" : fact ? yes : no;

function describePasses({ disagreement, reproducibility }: ServerAbilities): string {
  if (disagreement === null) return "decoding cannot be held against a prompt's pass";
  const apart =
    disagreement === 0 ? "agree to the last bit" : `differ by ${disagreement.toExponential(1)} nats at most`;
  return `decoding and a prompt's pass ${apart} (reproducibility: ${reproducibility})`;
}

const describeUse = ({ logprobs }: ServerAbilities): string =>
  logprobs === "raw"
    ? "usable: one call draws, and its likeliest tokens bound log Z"
    : "usable: a second call scores what was drawn, and log Z follows from both";
