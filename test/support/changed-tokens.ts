import type { ScoredToken } from "../../src/core/tokens.ts";
import type { Engine, ExtendRequest } from "../../src/engine/engine.ts";
import { GeneratedStream } from "./token-stream.ts";

/** A borrowed engine that says something else of its tokens, as a faulty reading of a server would. */
export const withChangedTokens = (
  inner: Engine,
  change: (token: ScoredToken, request: ExtendRequest) => ScoredToken,
): Engine => ({
  info: inner.info,
  extend: (request, signal) =>
    new GeneratedStream(
      (async function* () {
        for await (const run of inner.extend(request, signal))
          yield run.map((token) => change(token, request));
      })(),
    ),
  score: (tokens, options, signal) => inner.score(tokens, options, signal),
  load: () => inner.load(),
  health: () => inner.health(),
  [Symbol.asyncDispose]: async () => {
    // The inner engine is borrowed.
  },
});
