import { describe, it } from "vitest";
import type { DialectName } from "../../src/engine/remote/dialect.ts";
import { openRemote } from "../../src/engine/remote/open-remote.ts";
import { testEngine } from "./engine.contract.ts";
import { heldByRemote, remoteLacks } from "./remote-subject.ts";

/**
 * Servers of the abacus checkpoint (`npm run lab -- checkpoint abacus`), each where its variable says; those that have
 * none are left out.
 */
const servers: readonly { readonly dialect: DialectName; readonly variable: string }[] = [
  { dialect: "vllm", variable: "METROPOLIS_TEST_VLLM_URL" },
  { dialect: "llamacpp", variable: "METROPOLIS_TEST_LLAMACPP_URL" },
  { dialect: "sglang", variable: "METROPOLIS_TEST_SGLANG_URL" },
];

for (const { dialect, variable } of servers) {
  const url = process.env[variable];
  const name = `RemoteEngine over a real server of ${dialect}`;
  if (url === undefined) {
    describe(name, () => {
      it.skip(`has no server: ${variable} is not set`);
    });
    continue;
  }
  testEngine(name, {
    open: async () => {
      const settings = { dialect, url, maxCalls: 2, sessionHeader: "x-session-id", vocabularySize: 18 };
      return (await openRemote(settings)).engine;
    },
    vocabularySize: 18,
    // 7-2*3+4=
    prompt: [7, 11, 2, 12, 3, 10, 4, 13],
    tolerance: 1e-4,
    held: heldByRemote,
    lacks: { ...remoteLacks, faults: "it runs as it runs" },
  });
}
