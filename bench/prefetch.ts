import { rm } from "node:fs/promises";
import type { EngineSettings } from "../src/assembly/engine-settings.ts";
import { writeByteModel } from "../test/support/byte-model.ts";
import type { CompleterHealth } from "../src/decoder/completer.ts";
import type { SettingsOf } from "../src/samplers/registry.ts";
import { byteRequests, embeddedRequests, sideOf, takeTurns, warmUp } from "./chains.ts";
import type { ChainRequest } from "./chains.ts";
import { smallShape } from "./random-model.ts";
import { printTable } from "./report.ts";
import { localDetails } from "../src/engine/health.ts";

interface Case {
  readonly name: string;
  readonly engine: Partial<EngineSettings>;
  /** Twice as many as are measured: the second half is to warm up. */
  readonly requests: readonly ChainRequest[];
}

/**
 * What prefetching alone does for a lone chain, where most proposals are rejected and where most are accepted. With and
 * without take turns.
 */
export async function benchPrefetching(requests: number): Promise<void> {
  const folder = await writeByteModel(smallShape);
  const rows: string[][] = [];
  for (const { name, engine, requests: all } of casesOf(folder, requests)) {
    const [chains, others] = [all.slice(0, all.length / 2), all.slice(all.length / 2)];
    const sides = await Promise.all([false, true].map((prefetch) => sideOf({ ...engine, prefetch })));
    for (const side of sides) await warmUp(side, others);
    const before = await Promise.all(sides.map(({ completer }) => completer.health()));
    await takeTurns(sides, chains, requests / 5);
    const after = await Promise.all(sides.map(({ completer }) => completer.health()));
    for (const { completer } of sides) await completer[Symbol.asyncDispose]();
    const [plain, ahead] = sides;
    const spent = (count: (health: CompleterHealth) => number): string =>
      after.map((health, side) => count(health) - count(before[side]!)).join(" / ");
    const same = ahead!.answers.filter(({ tokens }, index) => tokens === plain!.answers[index]!.tokens);
    rows.push([
      name,
      spent((health) => localDetails(health)?.passes ?? NaN),
      spent(({ evaluatedTokens }) => evaluatedTokens),
      `${plain!.seconds.toFixed(2)} / ${ahead!.seconds.toFixed(2)}`,
      `${(plain!.seconds / ahead!.seconds).toFixed(2)}x`,
      `${same.length}/${chains.length}`,
    ]);
  }
  await rm(folder, { recursive: true });
  console.log("\n(g) prefetching for a lone chain, without / with\n");
  printTable(["", "passes", "evaluations", "seconds", "ratio", "same completion"], rows);
}

function casesOf(flat: string, count: number): readonly Case[] {
  const random = (settings: Partial<SettingsOf<"power">>): ChainRequest[] =>
    byteRequests(2 * count, 32, { mcmcSteps: 8, ...settings });
  const rejected = { proposalTemperature: 1 };
  return [
    {
      name: "rejected: 4.7 M parameters, flat, proposals at T = 1",
      engine: { model: flat },
      requests: random(rejected),
    },
    {
      name: "rejected: embedded model, proposals at T = 1, memo off",
      engine: { memo: false },
      requests: embeddedRequests(2 * count, rejected),
    },
    {
      name: "accepted: 4.7 M parameters, alpha 1",
      engine: { model: flat },
      requests: random({ alpha: 1, proposalTemperature: 1 }),
    },
    { name: "embedded model as it comes", engine: {}, requests: embeddedRequests(16 * count) },
  ];
}
