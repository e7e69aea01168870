import type { Dialect } from "../../src/engine/remote/dialect.ts";
import type { RemoteEngine } from "../../src/engine/remote/remote-engine.ts";
import type { Engine } from "../../src/engine/engine.ts";
import { remoteDetails } from "../../src/engine/health.ts";
import type { FakeModel, FakeServer } from "../support/fake-servers/fake-server.ts";
import { FakeOpener } from "../support/fake-servers/open-fake.ts";
import { logSoftmax } from "../support/toy-model.ts";
import type { EngineSubject } from "./engine-subject.ts";

export interface ServedSubject {
  readonly model: FakeModel;
  readonly dialect: Dialect;
  readonly start: () => FakeServer;
  readonly lacks?: EngineSubject["lacks"];
}

/** Why engines on other machines lack some needs. */
export const remoteLacks = {
  repeats: "the server draws by its own generator",
  logNormalizer: "the likeliest tell of it within bounds",
  entropy: "the likeliest tell of it within bounds",
  selfCertainty: "it rests on all tokens, and the likeliest alone are told",
  failures: "the server may be back",
  constraints: "log Z of what is permitted is nothing that servers tell",
} as const satisfies EngineSubject["lacks"];

/** Of a remote engine. */
export const heldByRemote = (engine: Engine): number => {
  const { sequences, calls } = remoteDetails(engine.health())!;
  return sequences.open + calls.open;
};

/** The remote engine over a fake server. */
export function remoteSubject({ model, dialect, start, lacks = {} }: ServedSubject): EngineSubject {
  const opener = new FakeOpener(dialect, start);
  return {
    open: async ({ onPass, isPoisoned } = {}) => {
      const server = await start().start();
      server.faults = { onPass, isPoisoned };
      return andThenStopping(await opener.open(server), server);
    },
    vocabularySize: model.vocabularySize,
    prompt: [0, 1, 2],
    lawAfter: (prefix) => logSoftmax(model.logits(prefix)),
    tolerance: 1e-5,
    held: heldByRemote,
    lacks: { ...remoteLacks, ...lacks },
  };
}

/** The engine, whose server ends with it. */
function andThenStopping(engine: RemoteEngine, server: FakeServer): Engine {
  return {
    info: engine.info,
    extend: (request, signal) => engine.extend(request, signal),
    score: (tokens, options, signal) => engine.score(tokens, options, signal),
    narrow: (request, signal) => engine.narrow(request, signal),
    load: () => engine.load(),
    health: () => engine.health(),
    [Symbol.asyncDispose]: async () => {
      await engine[Symbol.asyncDispose]();
      await server.stop();
    },
  };
}
