import { readFile } from "node:fs/promises";
import { Command } from "commander";
import { describe, expect, it, vi } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { serveOptions } from "../../../src/commands/serve-options.ts";
import { createEmbedded, createTestApp } from "../../support/embedded.ts";

const read = (path: string): Promise<string> =>
  readFile(new URL(`../../../${path}`, import.meta.url), "utf8");

it("alerts and docs/operations.md go by metrics that there are", async () => {
  await using server = await createTestApp();
  const { body } = await server.app.inject("/metrics");
  const known = [...body.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name);
  const { groups } = parse(await read("deploy/prometheus/metropolis.rules.yaml")) as {
    groups: { rules: { expr: string }[] }[];
  };
  const rules = groups.flatMap((group) => group.rules.map(({ expr }) => expr));
  expect(rules.length).toBeGreaterThan(3);
  const named = [...rules, await read("docs/operations.md")].flatMap(
    (text) => text.match(/\b(metropolis|nodejs|process)_\w+/g) ?? [],
  );
  expect(named.length).toBeGreaterThan(10);
  expect(named.filter((name) => !known.includes(name))).toEqual([]);
  // Other jobs have processes and event loops, too.
  const selectors = rules.flatMap((expr) => expr.match(/\b(?:metropolis|nodejs|process)_\w+[^ )[]*/g) ?? []);
  expect(selectors.length).toBeGreaterThan(5);
  for (const selector of selectors) expect(selector).toContain('{job="metropolis"');
});

it("the systemd unit sets options that there are, and waits longer than the server takes to end", async () => {
  const unit = await read("deploy/systemd/metropolis.service");
  const command = new Command();
  for (const one of serveOptions()) command.addOption(one);
  const variables = unit.match(/METROPOLIS_\w+/g)!;
  expect(command.options.map(({ envVar }) => envVar)).toEqual(expect.arrayContaining(variables));
  const number = (pattern: RegExp): number => Number(pattern.exec(unit)![1]);
  expect(number(/TimeoutStopSec=(\d+)/)).toBeGreaterThan(number(/SHUTDOWN_TIMEOUT=(\d+)/));
});

describe("the Grafana dashboard", async () => {
  const prometheus = z.object({ type: z.literal("prometheus"), uid: z.literal("${datasource}") });
  const gridPos = z.object({
    h: z.int().min(1),
    w: z.int().min(1).max(24),
    x: z.int().min(0),
    y: z.int().min(0),
  });
  const target = z.object({
    refId: z.string().regex(/^[A-Z]$/),
    datasource: prometheus,
    expr: z.string(),
    legendFormat: z.string().min(1),
  });
  const head = { id: z.int().min(1), title: z.string().min(1), gridPos };
  const row = z.object({ ...head, type: z.literal("row"), panels: z.tuple([]) });
  const chart = z.object({
    ...head,
    type: z.literal("timeseries"),
    datasource: prometheus,
    fieldConfig: z.object({ defaults: z.object({ unit: z.string() }), overrides: z.array(z.never()) }),
    targets: z.array(target).min(1),
  });
  /** The fields of Grafana's schema that one needs to import it. */
  const schema = z.object({
    id: z.null(),
    uid: z.string().regex(/^[\w-]{1,40}$/),
    title: z.string().min(1),
    schemaVersion: z.int().min(36),
    time: z.object({ from: z.string(), to: z.string() }),
    templating: z.object({
      list: z.array(
        z.object({ name: z.string(), type: z.enum(["datasource", "query"]), query: z.unknown() }),
      ),
    }),
    panels: z.array(z.discriminatedUnion("type", [row, chart])),
  });
  const { panels, templating } = schema.parse(JSON.parse(await read("deploy/grafana/metropolis.json")));
  const charts = panels.filter((panel) => panel.type === "timeseries");
  const shown = charts.flatMap(({ targets }) => targets);

  it("has panels that fit the grid of 24 columns and lie on no other, in rows", () => {
    expect(charts.length).toBeGreaterThan(20);
    expect(panels[0]!.type).toBe("row");
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, at) => `${x + (at % w)} ${y + Math.floor(at / w)}`),
    );
    for (const { gridPos: place } of panels) expect(place.x + place.w).toBeLessThanOrEqual(24);
    expect(new Set(cells).size).toBe(cells.length);
  });

  it("asks for metrics, labels and values that there are, by variables that it has", async () => {
    const completer = await createEmbedded();
    const thread = { heapUsed: 1, heapTotal: 2, external: 1, arrayBuffers: 1 };
    const health = completer.health.bind(completer);
    // As of an engine in a thread of its own, which `serve` has.
    vi.spyOn(completer, "health").mockImplementation(async () => ({ ...(await health()), thread }));
    await using server = await createTestApp({ completer });
    for (const body of [
      { sampler: "power", kernel: "tempering", mcmc_steps: 8 },
      { sampler: "power", proposal_temperature: 1, n: 4, mcmc_steps: 8 },
    ])
      await server.post("/v1/completions", { prompt: "7-2*3+4=", seed: 1, ...body });
    const { body } = await server.app.inject("/metrics");
    const types = new Map(
      [...body.matchAll(/^# TYPE (\S+) (\S+)/gm)].map(([, name, type]) => [name!, type!]),
    );
    // Those that Prometheus adds as it scrapes.
    const series = [...body.matchAll(/^(\w+)(?:\{(.*)\})? /gm)].map(([, name, labels]) => ({
      name: name!,
      labels: new Map<string, string>([
        ["job", "a"],
        ["instance", "b"],
        ...[...(labels ?? "").matchAll(/(\w+)="([^"]*)"/g)].map(([, label, value]): [string, string] => [
          label!,
          value!,
        ]),
      ]),
    }));
    const variables = new Set(["__rate_interval", ...templating.list.map(({ name }) => name)]);
    for (const { expr, legendFormat } of shown) {
      const selectors = [...expr.matchAll(/\b((?:metropolis|nodejs|process)_\w+)(\{[^}]*\})?(\[)?/g)];
      expect(selectors.length, expr).toBeGreaterThan(0);
      for (const [, name, matchers = "", range] of selectors) {
        const found = series.filter((one) => one.name === name);
        expect(found, `${name} in ${expr}`).not.toEqual([]);
        const type = types.get(name!.replace(/_bucket$/, ""));
        expect({ expr, rated: range !== undefined }).toEqual({ expr, rated: type !== "gauge" });
        expect(matchers).toContain('job=~"$job", instance=~"$instance"');
        for (const [, label, value] of matchers.matchAll(/(\w+)=~?"([^"]*)"/g)) {
          const values = found.map(({ labels }) => labels.get(label!));
          expect(values, `${label} of ${name}`).not.toContain(undefined);
          if (value!.startsWith("$")) continue;
          for (const one of value!.split("|")) expect(values, expr).toContain(one);
        }
        const grouped = [...expr.matchAll(/by \(([^)]*)\)/g)].flatMap(([, labels]) => labels!.split(", "));
        const named = [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, label]) => label!);
        for (const label of [...grouped, ...named])
          for (const { labels } of found) expect([...labels.keys()], expr).toContain(label);
        // What a sum has left out has no name any more.
        if (/^sum|^histogram_quantile/.test(expr)) expect(grouped).toEqual(expect.arrayContaining(named));
      }
      for (const [, name] of expr.matchAll(/\$(\w+)/g)) expect([...variables]).toContain(name);
    }
  });
});
