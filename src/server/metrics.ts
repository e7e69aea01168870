import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from "prom-client";
import type { Completer } from "../decoder/completer.ts";
import { findReport, samplerFields, samplerNames, samplers } from "../samplers/registry.ts";
import type { Reports, SamplerName } from "../samplers/registry.ts";
import type { ReportCounter } from "../samplers/report.ts";
import type { Admission } from "./admission.ts";
import type { BodyBudget } from "./body-budget.ts";
import type { HeldResources } from "./held-resources.ts";
import { remoteMetrics } from "./remote-metrics.ts";
import type { ResponseStore } from "./responses/response-store.ts";
import type { ChoiceEvent } from "./run-plan.ts";

const prefix = "metropolis_";
const misnamed = ["handles", "requests", "resources"].map((what) => `nodejs_active_${what}_total`);
const secondsBuckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 160, 640, 2560];

/** Samplers that remember what they asked the model. */
const rememberingNames = samplerFields.isolated.users;

const countersOf = (sampler: SamplerName): readonly ReportCounter[] =>
  samplers[sampler].report?.counters ?? [];

interface MetricsSources {
  readonly completer: Completer;
  readonly admission: Admission;
  readonly bodies: BodyBudget;
  readonly responses: ResponseStore;
  readonly httpRequests: Counter;
  readonly held: HeldResources;
}

/** Prometheus metrics: vLLM's names under our prefix, what power sampling adds, and the process's own. */
export class Metrics {
  readonly #registry = new Registry();
  readonly #prompt = this.#counter("prompt_tokens_total", "Prompt tokens of the requests taken.");
  readonly #generated = this.#counter("generation_tokens_total", "Tokens of the completions returned.");
  readonly #evaluated = this.#counter(
    "evaluated_tokens_total",
    "Model evaluations, discarded ones included.",
  );
  readonly #memoQueries = this.#counter(
    "memo_queries_total",
    `Tokens drawn by ${rememberingNames.join(", ")}.`,
  );
  readonly #memoHits = this.#counter(
    "memo_hits_total",
    "Tokens among them that were remembered: they cost no evaluation.",
  );
  readonly #discarded = this.#counter(
    "discarded_tokens_total",
    "Model evaluations that nothing drew: of steps begun ahead and not taken, or that a budget ended.",
  );
  readonly #skipped = this.#counter(
    "skipped_candidates_total",
    "Candidates of best_of that were not drawn, since their vote had stopped.",
  );
  readonly #success = this.#counter("request_success_total", "Completions finished.", ["finished_reason"]);
  /** What the reports of samplers move, by name. */
  readonly #reported = new Map<string, Counter>();
  readonly #firstToken = this.#histogram(
    "time_to_first_token_seconds",
    "From the request to its first committed token.",
  );
  readonly #endToEnd = this.#histogram("e2e_request_latency_seconds", "From the request to its end.");

  constructor({ completer, admission, bodies, responses, httpRequests, held }: MetricsSources) {
    this.#registry.registerMetric(httpRequests);
    for (const { name, help, label } of samplerNames.flatMap(countersOf)) {
      if (!this.#reported.has(name))
        this.#reported.set(name, this.#counter(name, help, label === undefined ? [] : [label]));
    }
    const gauge = (name: string, help: string, labelNames: string[] = []): Gauge =>
      new Gauge({ name: prefix + name, help, labelNames, registers: [this.#registry] });
    // What the engine has counted itself, and starts anew when it is replaced, as counters do.
    const counter = (name: string, help: string): Counter => this.#counter(name, help);
    const set = (counted: Counter, total: number): void => {
      counted.reset();
      counted.inc(total);
    };
    const running = gauge("num_requests_running", "Completions in flight.");
    const waiting = gauge("num_requests_waiting", "Sequences waiting for a lane, or for a call.");
    const open = gauge("sequences_open", "Sequences being extended or scored.");
    const lanes = gauge("lanes_leased", "Lanes of the live cache in use.");
    const share = gauge("kv_cache_usage_perc", "Share of the lanes in use, 0 to 1.");
    const hits = counter("prefix_cache_hits_total", "Prefix tokens found in the prefix store.");
    const queries = counter("prefix_cache_queries_total", "Prefix tokens looked up in the prefix store.");
    const bytes = gauge("prefix_store_bytes", "Bytes held by the prefix store.");
    const memoBytes = gauge("memo_bytes", "Bytes held by the memo of visited prefixes.");
    const memoPrompts = gauge("memo_prompts", "Prompts that the memo holds something of.");
    const passes = counter("forward_passes_total", "Forward passes of the model.");
    const drafted = counter(
      "spec_decode_num_draft_tokens_total",
      "Tokens that were foretold and run in the passes of those before them.",
    );
    const accepted = counter("spec_decode_num_accepted_tokens_total", "Those of them that were drawn.");
    const preemptions = counter(
      "num_preemptions_total",
      "Sequences that gave their lane up to another request.",
    );
    const decode = gauge("decode_pass_seconds", "What a decode pass takes, by its rows.", ["rows"]);
    const prefill = gauge("prefill_pass_seconds", "What a chunk of a prompt takes, by its tokens.", [
      "tokens",
    ]);
    const setRemote = remoteMetrics({ gauge, counter });
    const connections = gauge("connections", "TCP connections open, those of WebSockets among them.");
    const watchSockets = gauge("watch_sockets", "WebSockets open.");
    const bodyBytes = gauge("body_bytes", "Bytes of request bodies in memory that --max-bodies-mib counts.");
    const storedResponses = gauge("stored_responses", "Responses that are kept for clients that come back.");
    const responseBytes = gauge("stored_response_bytes", "Bytes that --response-store-mib counts of them.");
    const listeners = gauge("listeners", "Event listeners of the process and of the HTTP server.", ["of"]);
    const engineThread = gauge(
      "engine_thread_bytes",
      "Memory of the engine's thread; nodejs_* is that of the server's.",
      ["kind"],
    );
    // The process's figures under the names that every dashboard has: memory, processor time, event-loop delay.
    collectDefaultMetrics({ register: this.#registry });
    // These are named like counters, which they are not; each has a twin with a label that says more.
    for (const name of misnamed) this.#registry.removeSingleMetric(name);
    this.#read = async () => {
      running.set(admission.inFlight.completions);
      bodyBytes.set(bodies.bytes);
      storedResponses.set(responses.size);
      responseBytes.set(responses.bytes);
      watchSockets.set(held.watchSockets);
      for (const [of, count] of Object.entries(held.listeners)) listeners.set({ of }, count);
      connections.set(await held.connections());
      const { memo, details, thread } = await completer.health();
      if (thread !== undefined) {
        engineThread.set({ kind: "heap_used" }, thread.heapUsed);
        engineThread.set({ kind: "heap_total" }, thread.heapTotal);
        engineThread.set({ kind: "external" }, thread.external);
        engineThread.set({ kind: "array_buffers" }, thread.arrayBuffers);
      }
      memoBytes.set(memo?.bytes ?? 0);
      memoPrompts.set(memo?.prompts ?? 0);
      if (details === undefined) return;
      open.set(details.sequences.open);
      waiting.set(details.sequences.waiting);
      if (details.kind === "remote") {
        setRemote(details);
        return;
      }
      lanes.set(details.lanes.leased);
      share.set(details.lanes.leased / details.lanes.total);
      set(hits, details.prefixStore.hitTokens);
      set(queries, details.prefixStore.queryTokens);
      bytes.set(details.prefixStore.bytes);
      set(passes, details.passes);
      set(preemptions, details.preemptions);
      set(drafted, details.speculation.draftedTokens);
      set(accepted, details.speculation.acceptedTokens);
      for (const { rows, ms } of details.passTimes.decode) decode.set({ rows }, ms / 1000);
      for (const { tokens, ms } of details.passTimes.prefill) prefill.set({ tokens }, ms / 1000);
    };
  }

  readonly #read: () => Promise<void>;
  #text: Promise<string> | undefined;

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** The metrics as text, the engine's asked for now; those who ask at once share it. */
  text(): Promise<string> {
    this.#text ??= this.#read()
      .then(() => this.#registry.metrics())
      .finally(() => {
        this.#text = undefined;
      });
    return this.#text;
  }

  /** Passes a request's events on, and counts them. */
  async *observe(
    events: AsyncIterable<ChoiceEvent>,
    promptTokens: number,
  ): AsyncGenerator<ChoiceEvent, void, undefined> {
    const started = performance.now();
    const secondsSince = (): number => (performance.now() - started) / 1000;
    this.#prompt.inc(promptTokens);
    let hasToken = false;
    for await (const event of events) {
      if (event.type === "text" && event.tokens.length > 0) {
        if (!hasToken) this.#firstToken.observe(secondsSince());
        hasToken = true;
        this.#generated.inc(event.tokens.length);
      }
      if (event.type === "finish") {
        this.#success.inc({ finished_reason: event.reason });
        this.#evaluated.inc(event.evaluatedTokens);
        this.#count(event.report);
      }
      if (event.type === "standing" && event.standing.isOver)
        this.#skipped.inc(event.standing.candidates - event.standing.drawn);
      yield event;
    }
    this.#endToEnd.observe(secondsSince());
  }

  #count(reports: Reports): void {
    const report = findReport(reports);
    if (report === undefined) return;
    const { drawn_tokens, remembered_tokens, discarded_tokens } = report.body;
    if (rememberingNames.includes(report.sampler)) this.#memoQueries.inc(drawn_tokens);
    this.#memoHits.inc(remembered_tokens);
    this.#discarded.inc(discarded_tokens);
    for (const declared of countersOf(report.sampler)) {
      const counted = declared.count(report.body);
      const counter = this.#reported.get(declared.name)!;
      if (typeof counted === "number") counter.inc(counted);
      else for (const [value, by] of Object.entries(counted)) counter.inc({ [declared.label!]: value }, by);
    }
  }

  #counter(name: string, help: string, labelNames: string[] = []): Counter {
    return new Counter({ name: prefix + name, help, labelNames, registers: [this.#registry] });
  }

  #histogram(name: string, help: string): Histogram {
    return new Histogram({ name: prefix + name, help, buckets: secondsBuckets, registers: [this.#registry] });
  }
}
