import type { Option } from "commander";
import { usualEngine } from "../assembly/engine-settings.ts";
import { samplerNames } from "../samplers/registry.ts";
import { parseAllowedHost } from "../server/hosts.ts";
import { parseOrigin, parsePublicUrl } from "../server/origins.ts";
import { checkProxy } from "../server/trusted-proxies.ts";
import { connectionOptions } from "./connection-options.ts";
import { engineServerOptions } from "./engine-options.ts";
import { collect, collectEach, integerFrom, modelOptions, option } from "./options.ts";

/** The options of `metropolis serve`, in the order of its help. */
export const serveOptions = (): readonly Option[] => [
  option("--host <address>", "address to listen on").default("127.0.0.1"),
  option("--port <n>", "port to listen on; 0 picks a free one")
    .argParser(integerFrom(0, 65_535))
    .default(8000),
  option(
    "--health-port <n>",
    "port of which a thread of its own answers /health, however busy the server is; none by default",
  ).argParser(integerFrom(0, 65_535)),
  modelOptions.model(),
  modelOptions.dtype(),
  ...engineServerOptions(),
  option("--sampler <name>", "sampler of requests that name none").choices(samplerNames).default("standard"),
  option("--api-key <key>", "key that clients must send; repeat for several").argParser(collect),
  option("--api-key-file <file>", "file of such keys, one a line; lines that begin with # are comments"),
  option("--max-completions <n>", "completions in flight before requests are turned away")
    .argParser(integerFrom(1))
    .default(4096),
  option("--max-tokens-in-flight <n>", "tokens, prompts and max_tokens together, that they may come to")
    .argParser(integerFrom(1))
    .default(16_000_000),
  option(
    "--max-answers-mib <n>",
    "JSON that the answers in flight may come to, log-probs and echoes included",
  )
    .argParser(integerFrom(1))
    .default(512),
  option(
    "--completions-per-client <n>",
    "completions in flight of each key, or of each address without keys",
  ).argParser(integerFrom(1)),
  option(
    "--requests-per-minute <n>",
    "requests of each key, or of each address without keys; unlimited when left out",
  ).argParser(integerFrom(1)),
  option("--request-timeout <seconds>", "longest time a request may take; 0 for no limit")
    .argParser(integerFrom(0, 2_000_000))
    .default(600),
  option(
    "--shutdown-timeout <seconds>",
    "how long what runs may go on after SIGTERM, SIGINT or SIGHUP; it then ends with what it has come to",
  )
    .argParser(integerFrom(0, 2_000_000))
    .default(8),
  option("--max-body-mib <n>", "largest request body").argParser(integerFrom(1, 1024)).default(8),
  option(
    "--max-bodies-mib <n>",
    "request bodies in memory at once; beyond it the largest of the client that has most is dropped",
  )
    .argParser(integerFrom(1))
    .default(256),
  option(
    "--response-store-mib <n>",
    "memory for the responses of /v1/responses that clients may come back to; 0 keeps none",
  )
    .argParser(integerFrom(0))
    .default(128),
  option("--max-responses <n>", "responses kept at once; beyond it those that were used longest ago go")
    .argParser(integerFrom(1))
    .default(10_000),
  option("--response-lifetime <seconds>", "how long a response is kept that nobody uses")
    .argParser(integerFrom(1, 2_000_000_000))
    .default(86_400),
  option(
    "--cors-origin <origin>",
    "origin whose pages may call the API, or *; repeat for several; none by default",
  ).argParser(collectEach(parseOrigin)),
  option(
    "--public-url <url>",
    "address at which browsers reach the server through a proxy; repeat for several",
  ).argParser(collectEach(parsePublicUrl)),
  option(
    "--allowed-host <name>",
    "further name of this server: example.com, .example.com for all below it, or * for any; repeat for several",
  ).argParser(collectEach(parseAllowedHost)),
  option(
    "--trust-proxy <address>",
    "proxy whose X-Forwarded headers are believed: an address, a range, loopback or private; repeat for several",
  ).argParser(collectEach(checkProxy)),
  option("--chat-template <file>", "Jinja template for conversations, instead of the model's own"),
  modelOptions.device(),
  modelOptions.int4Compute(),
  modelOptions.threads(),
  option(
    "--no-spinning",
    "let threads sleep between a pass's operators: slower passes, better where other programs want the cores",
  ),
  modelOptions.mapWeights(),
  modelOptions.lanes(),
  modelOptions.context(),
  option(
    "--prefill-chunk <tokens>",
    "most prompt tokens run in one pass; 256 when left out, or 64 where the graph gives logits of each",
  ).argParser(integerFrom(1)),
  option(
    "--max-gap-ms <ms>",
    "longest pause in other streams that prompts may cause; their chunks are cut to it",
  )
    .argParser(integerFrom(1))
    .default(usualEngine.maxGapMs),
  option(
    "--prefix-store-mib <n>",
    "memory for prefixes of finished sequences, 0 for none; 256 when left out, less where memory is short",
  )
    .argParser(integerFrom(0))
    .default(usualEngine.prefixStoreMib),
  option(
    "--deterministic",
    "the same completion for the same seed for certain: every pass runs all lanes, one token each",
  ).default(usualEngine.deterministic),
  option(
    "--memo-mib <n>",
    "memory for what chains remember of visited prefixes; 256 when left out, less where memory is short",
  )
    .argParser(integerFrom(1))
    .default(usualEngine.memoMib),
  option("--no-memo", "evaluate visited prefixes again; the chain is the same, only slower"),
  option("--no-early-rejection", "complete hopeless proposals; the chain is the same, only slower"),
  option(
    "--no-prefetch",
    "leave idle lanes idle; the chain is the same, only slower where few steps are accepted",
  ),
  option(
    "--no-speculation",
    "one token a pass, also where texts repeat; the completion is the same, only slower where little else runs",
  ),
  option("--log-level <level>", "least severe messages logged")
    .choices(["fatal", "error", "warn", "info", "debug", "silent"])
    .default("warn"),
  ...connectionOptions(),
];
