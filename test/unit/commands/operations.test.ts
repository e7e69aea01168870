import { readFile } from "node:fs/promises";
import { Command } from "commander";
import { expect, it } from "vitest";
import { parse } from "yaml";
import { serveOptions } from "../../../src/commands/serve-options.ts";
import { createTestApp } from "../../support/embedded.ts";

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
