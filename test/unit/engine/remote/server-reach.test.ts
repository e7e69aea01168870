import { describe, expect, it } from "vitest";
import { cancelled } from "../../../../src/core/errors.ts";
import { RemoteError } from "../../../../src/engine/remote/remote-error.ts";
import { ServerReach } from "../../../../src/engine/remote/server-reach.ts";
import { never } from "../../../support/toy-engine.ts";

/** Fails when it is given up, as a call does. */
const silent = (signal: AbortSignal): Promise<unknown> =>
  new Promise((_resolve, reject) => {
    signal.addEventListener("abort", () => {
      reject(cancelled());
    });
  });

describe("a server that is asked for a word", () => {
  it("and says nothing is given up, for now", async () => {
    const failure = new ServerReach(silent, 10).answer(never);
    await expect(failure).rejects.toBeInstanceOf(RemoteError);
    await expect(failure).rejects.toMatchObject({ retryable: true, isOutage: true });
  });

  it("is no longer waited for by who leaves", async () => {
    await expect(new ServerReach(silent).answer(AbortSignal.timeout(5))).rejects.toMatchObject({
      code: "aborted",
    });
  });

  it.each([
    ["that it is overloaded", new RemoteError("busy", { retryable: true, status: 429 })],
    ["that it has no such thing", new RemoteError("no", { retryable: false, status: 404 })],
  ])("is there though it says %s", async (_name, error) => {
    await new ServerReach(() => Promise.reject(error)).answer(never);
  });

  it("is not there where its connection fails", async () => {
    const error = new RemoteError("gone", { retryable: true });
    await expect(new ServerReach(() => Promise.reject(error)).answer(never)).rejects.toBe(error);
  });
});
